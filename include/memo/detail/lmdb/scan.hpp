// SPDX-License-Identifier: BSL-1.0
#pragma once

// Operations on all records of a function: clear() and stats().

#include <memo/backend.hpp>
#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/function_names.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/write_transaction.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

/// The key of the next entry; nothing at the end.
using next_key = std::optional<std::vector<std::byte>>;

/// Visits entries from a key on: at most max_entries, and at most one entry more than max_bytes of
/// values.
///
/// Throws:         disk_error; is_damage(its code) if a page on the path is invalid
template <class Visit>
next_key scan(disk_cursor entries, bytes_view from, std::size_t max_entries, Visit const& visit,
              std::size_t max_bytes = (std::numeric_limits<std::size_t>::max)()) {
    std::size_t bytes = 0;
    auto found = entries.seek(from);
    for (std::size_t count = 0; found; ++count) {
        if (count == max_entries || bytes >= max_bytes) {
            return std::vector<std::byte>(found->key.begin(), found->key.end());
        }
        bytes += found->value.size();
        visit(*found);
        found = entries.next();
    }
    return std::nullopt;
}

/// Erases the records that meet a condition, in portions, so that other writers wait only briefly.
/// Returns their number.
///
/// condition       called with a key_and_value, and again before its erasure, because the record
///                 may have been replaced; must not run user code
template <class Condition>
std::size_t erase_records(disk_store& store, Condition const& condition,
                          disk_function* function = nullptr, std::size_t portion = 1024) {
    std::size_t erased = 0;
    next_key from{std::in_place};
    while (from) {
        std::vector<record_place> places;
        from = store.inspect([&](read_transaction const& snapshot) {
            places.clear();
            return scan(snapshot.entries(), *from, 16 * portion, [&](key_and_value const& entry) {
                if (is_record(entry) && condition(entry)) {
                    std::memcpy(places.emplace_back().data(), entry.key.data(),
                                sizeof(record_place));
                }
            });
        });
        for (std::size_t begin = 0; begin < places.size(); begin += portion) {
            std::size_t const end = (std::min)(begin + portion, places.size());
            auto const erase = [&](write_transaction const& write) {
                std::size_t count = 0;
                for (std::size_t i = begin; i < end; ++i) {
                    auto const value = write.find(places[i]);
                    bool const matches = value && condition(key_and_value{places[i], *value});
                    count += matches && write.remove(places[i]) ? 1U : 0U;
                }
                return count;
            };
            erased += store.write(erase, function);
        }
    }
    return erased;
}

inline std::size_t erase_function(disk_store& store, key128 scope) {
    auto const is_of_function = [&](key_and_value const& found) {
        auto const header = header_of(found.value);
        return header && header->scope == scope;
    };
    return erase_records(store, is_of_function, &store.open(scope));
}

/// Entries and bytes of all functions and processes.
[[nodiscard]] inline backend_statistics size_of_all(disk_store& store) {
    return store.inspect([](read_transaction const& snapshot) {
        auto const size = snapshot.size();
        backend_statistics all;
        all.entries = size.entries - (std::min)(size.entries, count_names(snapshot));
        all.bytes = size.bytes;
        return all;
    });
}

/// Entries and bytes of one function: counted up to 4096 records, else estimated from the
/// first ones. These are a random sample, because places are digests.
///
/// Complexity:     reads at most 4096 records
[[nodiscard]] inline backend_statistics size_of_function(disk_store& store, key128 scope) {
    return store.inspect([&](read_transaction const& snapshot) {
        constexpr std::size_t max_entries = 4096;
        std::size_t record_count = 0;
        std::size_t names = 0;
        backend_statistics of_function;
        static_cast<void>(
            scan(snapshot.entries(), {}, max_entries, [&](key_and_value const& found) {
                if (!is_record(found)) {
                    ++names;
                    return;
                }
                ++record_count;
                auto const header = header_of(found.value);
                if (header && header->scope == scope) {
                    ++of_function.entries;
                    of_function.bytes += found.value.size();
                }
            }));
        std::size_t const total = snapshot.size().entries;
        if (total > record_count + names && record_count > 0) {
            double const scale =
                static_cast<double>(total - names) / static_cast<double>(record_count);
            auto const scaled = [&](std::uint64_t count) {
                return static_cast<std::uint64_t>(std::llround(static_cast<double>(count) * scale));
            };
            of_function.entries = scaled(of_function.entries);
            of_function.bytes = scaled(of_function.bytes);
        }
        return of_function;
    });
}

} // namespace memo::detail
