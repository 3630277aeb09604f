// SPDX-License-Identifier: BSL-1.0
#pragma once

// A cache in, its entries and the functions that they belong to out, in portions, so that no snapshot
// of the database is held for long, and none while somebody is waited for.

#include <memo/backends/disk.hpp>
#include <support/progress_bar.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace memo_cache {

namespace detail = memo::detail;

/// Shows how far a scan is, a hundred times at most.
class scan_progress {
  public:
    explicit scan_progress(std::size_t total)
        : total_(std::max<std::size_t>(total, 1)), bar_(100) {}
    void reached(std::size_t place) {
        for (; shown_ < 100 && place * 100 / total_ > shown_; ++shown_) {
            bar_.advance();
        }
    }

  private:
    std::size_t total_;
    std::size_t shown_ = 0;
    examples::progress_bar bar_;
};

/// The key of the entry to go on with; nothing at the end.
using next_place = std::optional<std::vector<std::byte>>;

/// The most entries that are looked at in one snapshot.
inline constexpr std::size_t most_at_once = 4096;

/// Visits some entries from a place on, where they lie: visit(entry), for `most` of them or for 4 MiB
/// and one entry at most.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
template <class Visit>
[[nodiscard]] next_place visit_portion(detail::disk_environment::look const& look,
                                       detail::bytes_view from, std::size_t most,
                                       Visit const& visit) {
    constexpr std::size_t most_bytes = std::size_t{1} << 22U;
    detail::disk_cursor entries = look.entries();
    std::size_t bytes = 0;
    auto found = entries.seek(from);
    for (std::size_t count = 0; found && count < most && bytes < most_bytes; ++count) {
        visit(*found);
        bytes += found->value.size();
        found = entries.next();
    }
    return found ? next_place(std::in_place, found->key.begin(), found->key.end()) : std::nullopt;
}

struct entry_copy {
    std::vector<std::byte> key;
    std::vector<std::byte> value;
};

/// Copies of some entries.
struct portion {
    std::vector<entry_copy> entries;
    next_place behind;
};

/// Copies of a portion, all of one time. Nothing if who writes, and does not heed this snapshot, wrote
/// over it meanwhile.
///
/// Throws:         as visit_portion
[[nodiscard]] inline std::optional<portion> copy_portion(detail::disk_environment::look const& look,
                                                         detail::bytes_view from,
                                                         std::size_t most) {
    portion copied;
    try {
        if (look.holds()) {
            copied.behind =
                visit_portion(look, from, most, [&](detail::key_and_value const& entry) {
                    copied.entries.push_back({{entry.key.begin(), entry.key.end()},
                                              {entry.value.begin(), entry.value.end()}});
                });
        }
    } catch (detail::disk_error const&) {
        if (look.holds()) {
            throw;
        }
    }
    return look.holds() ? std::optional(std::move(copied)) : std::nullopt;
}

/// Visits every entry where it lies: visit(entry), and between() after each portion of them. A snapshot
/// is held around visit, and a file that is written to grows for as long as one is held: visit waits for
/// nothing, least of all for who reads what is printed. Who may not write the lock file is not heeded by
/// writers, and is given copies, the fewer at once the more is written.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
template <class Visit, class Between>
void look_at_each_entry(detail::disk_store& store, Visit const& visit, Between const& between) {
    constexpr int most_in_vain = 1000;
    std::size_t total = 0;
    {
        detail::disk_environment::look const look(store.current());
        total = look.holds() ? detail::size_of_database(look.txn()).entries : 0;
    }
    scan_progress progress(total);
    std::size_t seen = 0;
    std::size_t most = most_at_once;
    int in_vain = 0;
    for (next_place from{std::in_place}; from;) {
        {
            detail::disk_environment::look const look(store.current());
            if (look.is_heeded()) {
                from = visit_portion(look, *from, most, [&](detail::key_and_value const& entry) {
                    visit(entry);
                    ++seen;
                });
            } else if (auto copied = copy_portion(look, *from, most)) {
                for (entry_copy const& copy : copied->entries) {
                    visit(detail::key_and_value{copy.key, copy.value});
                }
                seen += copied->entries.size();
                from = std::move(copied->behind);
                most = (std::min)(2 * most, most_at_once);
                in_vain = 0;
            } else if (++in_vain == most_in_vain) {
                throw detail::disk_error("disk scan: the data was written over while it was read; "
                                         "who may not write v1/lock.mdb can read all of it when "
                                         "nobody writes",
                                         EAGAIN);
            } else {
                most = std::max<std::size_t>(most / 2, 1);
                continue;
            }
        }
        between();
        progress.reached(seen);
    }
}
template <class Visit> void look_at_each_entry(detail::disk_store& store, Visit const& visit) {
    look_at_each_entry(store, visit, [] {});
}

/// Visits a copy of every entry: visit(entry), which may take its time. A portion of them is in memory:
/// 4 MiB and one entry at most.
///
/// Throws:         disk_error, after the entries before; says_damaged(its code) if a page on the way is
///                 none
template <class Visit> void for_each_entry(detail::disk_store& store, Visit const& visit) {
    std::vector<entry_copy> copies;
    auto const visit_copies = [&] {
        for (entry_copy const& copy : copies) {
            visit(detail::key_and_value{copy.key, copy.value});
        }
        copies.clear();
    };
    try {
        look_at_each_entry(
            store,
            [&](detail::key_and_value const& entry) {
                copies.push_back({{entry.key.begin(), entry.key.end()},
                                  {entry.value.begin(), entry.value.end()}});
            },
            visit_copies);
    } catch (detail::disk_error const&) {
        visit_copies();
        throw;
    }
}

/// What a cache holds of one function.
struct function {
    std::string name;
    std::string version;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    double seconds = 0; ///< that computing them took
};

using functions = std::map<memo::key128, function>; ///< by their scopes

/// Name and version, as a name's record has them.
///
/// Throws:         detail::malformed
[[nodiscard]] inline std::tuple<std::string, std::string>
names_in(std::span<std::byte const> frame) {
    return detail::decode_record<std::tuple<std::string, std::string>>(detail::payload_of(frame));
}

[[nodiscard]] inline functions functions_in(detail::disk_store& store) {
    functions all;
    look_at_each_entry(store, [&](detail::key_and_value const& entry) {
        if (!detail::is_record(entry)) {
            auto const header = detail::check_frame(entry.value);
            if (header && header->kind == detail::record_kind::name) {
                auto& named = all[header->scope];
                std::tie(named.name, named.version) = names_in(entry.value);
            }
            return;
        }
        if (auto const header = detail::header_of(entry.value)) {
            auto& one = all[header->scope];
            ++one.entries;
            one.bytes += entry.value.size();
            one.seconds += static_cast<double>(header->cost);
        }
    });
    return all;
}

/// The function of a scope; one without a name if it began to store meanwhile.
[[nodiscard]] inline function const& function_of(memo::key128 scope, functions const& all) {
    static function const unknown;
    auto const known = all.find(scope);
    return known == all.end() ? unknown : known->second;
}

/// The 32 hexadecimal digits of a key; nothing if that is not what they are.
[[nodiscard]] inline std::optional<memo::key128> key_of(std::string_view digits) {
    constexpr std::size_t half = 16;
    auto const word = [](std::string_view text, std::uint64_t& value) {
        auto const [end, failed] = std::from_chars(text.data(), text.data() + half, value, half);
        return failed == std::errc() && end == text.data() + half;
    };
    memo::key128 key;
    if (digits.size() != 2 * half || !word(digits.substr(0, half), key.high) ||
        !word(digits.substr(half), key.low)) {
        return std::nullopt;
    }
    return key;
}

} // namespace memo_cache
