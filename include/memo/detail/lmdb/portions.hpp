// SPDX-License-Identifier: BSL-1.0
#pragma once

// All entries of a directory, copied in portions, so that no snapshot of the database is held for long,
// and none while the caller's code runs.

#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

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
[[nodiscard]] inline portion copy_portion(read_transaction const& snapshot, bytes_view from,
                                          std::size_t most) {
    constexpr std::size_t max_bytes = std::size_t{1} << 22U;
    portion copied;
    try {
        disk_cursor entries = snapshot.entries();
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
    } catch (disk_error const& failure) {
        if (!says_damaged(failure.code())) {
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
/// progress        called as progress(entries, total) after each portion
/// Throws:         disk_error, after the entries before; says_damaged(its code) if a page on the way is
///                 none
template <class Visit, class Progress>
void for_each_entry(disk_store& store, Visit const& visit, Progress&& progress) {
    std::size_t const total =
        store.inspect([](read_transaction const& snapshot) { return snapshot.size().entries; });
    progress(std::size_t{0}, total);
    std::size_t seen = 0;
    std::size_t most = max_at_once;
    for (next_place from{std::in_place}; from;) {
        std::size_t next = most;
        portion copied = store.inspect([&](read_transaction const& snapshot) {
            most = next;
            next = (std::max<std::size_t>)(most / 4, 1); // if it is to be read again
            return copy_portion(snapshot, *from, most);
        });
        for (entry_copy const& copy : copied.entries) {
            visit(key_and_value{copy.key, copy.value});
        }
        if (copied.damaged) {
            lmdb_failed("scan", MDB_CORRUPTED);
        }
        seen += copied.entries.size();
        progress(seen, total);
        from = std::move(copied.behind);
        most = (std::min)(2 * most, max_at_once);
    }
}

} // namespace memo::detail
