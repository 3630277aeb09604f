// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a memory backend is to be.

#include <memo/backends/memory/eviction.hpp>

#include <chrono>
#include <cstddef>
#include <functional>

namespace memo {

/// The settings of memo::memory, for designated initializers.
struct memory_settings {
    /// The most entries to keep, over all functions that share the backend. 0: no bound.
    std::size_t max_entries = 0;
    /// The most bytes that entries may take, by estimate. 0: no bound. A type may tell its own
    /// bytes outside of itself by a function `std::size_t memo_footprint(T const&)` in its
    /// namespace.
    std::size_t max_bytes = 0;
    /// Which entries go first once a bound is reached.
    memo::eviction eviction = memo::eviction::by_use;
    /// What `ttl` is measured with.
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

} // namespace memo
