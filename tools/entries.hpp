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

struct entry_copy {
    std::vector<std::byte> key;
    std::vector<std::byte> value;
};

/// Copies of some entries, all of one time.
struct portion {
    std::vector<entry_copy> entries;
    next_place behind;
    bool damaged = false; ///< behind the last of them lies a page that is none
};

/// The most entries that are copied of one snapshot.
inline constexpr std::size_t max_at_once = 4096;

/// Copies entries from a place on, `most` of them or 4 MiB and one entry at most.
[[nodiscard]] inline portion copy_portion(detail::read_transaction const& snapshot,
                                          detail::bytes_view from, std::size_t most) {
    constexpr std::size_t max_bytes = std::size_t{1} << 22U;
    portion copied;
    try {
        detail::disk_cursor entries = snapshot.entries();
        std::size_t bytes = 0;
        auto found = entries.seek(from);
        while (found && copied.entries.size() < most && bytes < max_bytes) {
            copied.entries.push_back({{found->key.begin(), found->key.end()},
                                      {found->value.begin(), found->value.end()}});
            bytes += found->value.size();
            found = entries.next();
        }
        if (found) {
            copied.behind.emplace(found->key.begin(), found->key.end());
        }
    } catch (detail::disk_error const& failure) {
        if (!detail::says_damaged(failure.code())) {
            throw;
        }
        copied.damaged = true;
    }
    return copied;
}

/// Visits a copy of every entry: visit(entry), which may take its time. A portion of them is in memory,
/// and no snapshot is held meanwhile, which would keep a file growing that is written to. Where writers
/// write over what is read, fewer are copied at once, so that a snapshot holds for as long.
///
/// Throws:         disk_error, after the entries before; says_damaged(its code) if a page on the way is
///                 none
template <class Visit> void for_each_entry(detail::disk_store& store, Visit const& visit) {
    scan_progress progress(store.inspect(
        [](detail::read_transaction const& snapshot) { return snapshot.size().entries; }));
    std::size_t seen = 0;
    std::size_t most = max_at_once;
    for (next_place from{std::in_place}; from;) {
        std::size_t next = most;
        portion copied = store.inspect([&](detail::read_transaction const& snapshot) {
            most = next;
            next = (std::max<std::size_t>)(most / 4, 1); // if it is to be read again
            return copy_portion(snapshot, *from, most);
        });
        for (entry_copy const& copy : copied.entries) {
            visit(detail::key_and_value{copy.key, copy.value});
        }
        if (copied.damaged) {
            detail::lmdb_failed("scan", MDB_CORRUPTED);
        }
        seen += copied.entries.size();
        progress.reached(seen);
        from = std::move(copied.behind);
        most = (std::min)(2 * most, max_at_once);
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
    for_each_entry(store, [&](detail::key_and_value const& entry) {
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
