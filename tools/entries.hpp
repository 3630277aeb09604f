// SPDX-License-Identifier: BSL-1.0
#pragma once

// A cache in, its entries and the functions that they belong to out, in portions, so that no snapshot
// of the database is held for long, and none while somebody is waited for.

#include <memo/backends/disk.hpp>
#include <support/progress_bar.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
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

/// Visits every entry where it lies: visit(entry), and between() after each portion of them. A snapshot
/// is held around visit, and a file that is written to grows for as long as one is held: visit waits for
/// nothing, least of all for who reads what is printed.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
template <class Visit, class Between>
void look_at_each_entry(detail::disk_store& store, Visit const& visit, Between const& between) {
    constexpr std::size_t most_entries = 4096;
    constexpr std::size_t most_bytes = std::size_t{1} << 22U;
    std::size_t total = 0;
    {
        detail::disk_environment::look const look(store.current());
        total = detail::size_of_database(look.txn()).entries;
    }
    scan_progress progress(total);
    std::size_t seen = 0;
    std::vector<std::byte> from;
    for (bool more = true; more;) {
        {
            detail::disk_environment::look const look(store.current());
            detail::disk_cursor entries = look.entries();
            std::size_t bytes = 0;
            auto found = entries.seek(from);
            for (std::size_t count = 0; found && count < most_entries && bytes < most_bytes;
                 ++count) {
                visit(*found);
                bytes += found->value.size();
                ++seen;
                found = entries.next();
            }
            more = found.has_value();
            if (more) {
                from.assign(found->key.begin(), found->key.end());
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
    struct entry_copy {
        std::vector<std::byte> key;
        std::vector<std::byte> value;
    };
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
