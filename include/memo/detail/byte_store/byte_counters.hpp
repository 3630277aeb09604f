// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of one function that all stores of bytes have.

#include <memo/statistics.hpp>

#include <atomic>
#include <cstdint>

namespace memo::detail {

inline void count_one(std::atomic<std::uint64_t>& counter) noexcept {
    counter.fetch_add(1, std::memory_order_relaxed);
}

/// They count rare events only, so that hits share no cache line.
struct byte_counters {
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> corrupt{0};
    std::atomic<std::uint64_t> too_large{0};

    void add_to(backend_statistics& sum) const noexcept {
        sum.expirations += expirations.load(std::memory_order_relaxed);
        sum.errors += errors.load(std::memory_order_relaxed);
        sum.corrupt += corrupt.load(std::memory_order_relaxed);
        sum.too_large += too_large.load(std::memory_order_relaxed);
    }
};

} // namespace memo::detail
