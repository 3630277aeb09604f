// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's entries, and how much they are.

#include <memo/detail/memory/table.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// So many entries, and the bytes they take. Differences are modulo 2^64, as the sums are.
struct usage {
    std::size_t entries = 0;
    std::size_t bytes = 0;

    usage& operator+=(usage other) noexcept {
        entries += other.entries;
        bytes += other.bytes;
        return *this;
    }
    usage& operator-=(usage other) noexcept {
        entries -= other.entries;
        bytes -= other.bytes;
        return *this;
    }
};

/// What is kept, as all threads see it. Those who only replace do not write here: threads that did
/// so with each insertion would wait for each other.
struct alignas(128) usage_sum {
    std::atomic<std::size_t> entries{0};
    std::atomic<std::size_t> bytes{0};

    void operator+=(usage more) noexcept {
        if (more.entries != 0) {
            entries.fetch_add(more.entries, std::memory_order_relaxed);
        }
        if (more.bytes != 0) {
            bytes.fetch_add(more.bytes, std::memory_order_relaxed);
        }
    }
};

/// One function's entries, without their type, and what happened to them.
struct partition {
    partition(key128 of, bool evicts) : scope(of), entries(evicts) {}

    key128 const scope;
    table entries;
    usage_sum kept;
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> too_large{0};

    // Guarded by the lock of all partitions.
    std::size_t users = 0;
    std::size_t idle_table =
        0; ///< what its table counts as, while nobody uses it: see partition_map.hpp
};

} // namespace memo::detail
