// SPDX-License-Identifier: BSL-1.0
#pragma once

// Iterates over copies of all entries of a directory, in portions: each snapshot of the database is
// short, and none is open while the caller's code runs.

#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/scan.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace memo::detail {

struct entry_copy {
    std::vector<std::byte> key;
    std::vector<std::byte> value;
};

/// Copies of some entries of one snapshot.
struct portion {
    std::vector<entry_copy> entries;
    next_key next;
    bool is_damaged = false; ///< an invalid page follows the last entry
};

/// The maximal number of entries of a portion.
inline constexpr std::size_t max_portion = 4096;

/// Copies entries from a key on: at most max_entries, and at most 4 MiB and one entry.
[[nodiscard]] inline portion copy_portion(read_transaction const& snapshot, bytes_view from,
                                          std::size_t max_entries) {
    constexpr std::size_t max_bytes = std::size_t{1} << 22U;
    portion copied;
    try {
        auto const copy = [&](key_and_value const& entry) {
            copied.entries.push_back(
                {{entry.key.begin(), entry.key.end()}, {entry.value.begin(), entry.value.end()}});
        };
        copied.next = scan(snapshot.entries(), from, max_entries, copy, max_bytes);
    } catch (disk_error const& failure) {
        if (!is_damage(failure.code())) {
            throw;
        }
        copied.is_damaged = true;
    }
    return copied;
}

/// Calls visit(entry) for a copy of every entry. Holds one portion in memory and no snapshot
/// meanwhile: a snapshot would make the file grow during writes. If writers overwrite a snapshot,
/// the next portions are smaller.
///
/// progress        called as progress(entries, total) after each portion
/// Throws:         disk_error, after the previous entries; is_damage(its code) if a page on the
///                 path is invalid
template <class Visit, class Progress>
void for_each_entry(disk_store& store, Visit const& visit, Progress&& progress) {
    std::size_t const total =
        store.inspect([](read_transaction const& snapshot) { return snapshot.size().entries; });
    progress(std::size_t{0}, total);
    std::size_t visited = 0;
    std::size_t max_entries = max_portion;
    for (next_key from{std::in_place}; from;) {
        std::size_t next_max = max_entries;
        portion copied = store.inspect([&](read_transaction const& snapshot) {
            max_entries = next_max;
            next_max = (std::max<std::size_t>)(max_entries / 4, 1); // for the next attempt
            return copy_portion(snapshot, *from, max_entries);
        });
        for (entry_copy const& copy : copied.entries) {
            visit(key_and_value{copy.key, copy.value});
        }
        if (copied.is_damaged) {
            throw_lmdb_error("scan", MDB_CORRUPTED);
        }
        visited += copied.entries.size();
        progress(visited, total);
        from = std::move(copied.next);
        max_entries = (std::min)(2 * max_entries, max_portion);
    }
}

} // namespace memo::detail
