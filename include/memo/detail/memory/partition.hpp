// SPDX-License-Identifier: BSL-1.0
#pragma once

// The entries of one function in a memory store, and what they count for its bounds.

#include <memo/detail/key_map.hpp>
#include <memo/detail/memory/table.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// What entries count for the bounds. Sums and differences are modulo 2^64.
struct weight {
    std::size_t entries = 0;
    std::size_t bytes = 0;

    weight& operator+=(weight other) noexcept {
        entries += other.entries;
        bytes += other.bytes;
        return *this;
    }
    weight& operator-=(weight other) noexcept {
        entries -= other.entries;
        bytes -= other.bytes;
        return *this;
    }
};

/// A sum of weights, shared by threads. A change by 0 writes nothing, so that threads that only
/// replace entries do not contend for the cache line.
struct alignas(128) usage {
    std::atomic<std::size_t> entries{0};
    std::atomic<std::size_t> bytes{0};

    void operator+=(weight more) noexcept {
        if (more.entries != 0) {
            entries.fetch_add(more.entries, std::memory_order_relaxed);
        }
        if (more.bytes != 0) {
            bytes.fetch_add(more.bytes, std::memory_order_relaxed);
        }
    }
};

/// The entries and counters of one function. Does not depend on the record type.
struct partition : mapped {
    partition(key128 function, bool evicts) : scope(function), entries(evicts) {}

    key128 const scope;
    table entries;
    usage used;
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> too_large{0};

    // Guarded by the lock of the partition map.
    std::size_t users = 0;
    std::size_t idle_table = 0; ///< bytes charged for the table of an idle partition; else 0
};

} // namespace memo::detail
