// SPDX-License-Identifier: BSL-1.0
#pragma once

// The settings of memo::memory.

#include <chrono>
#include <cstddef>
#include <functional>

namespace memo {

/// The settings of memo::memory, for designated initializers.
struct memory_settings {
    /// Bound on the entries of all functions that share the backend. 0: no bound.
    std::size_t max_entries = 0;
    /// Bound on the estimated bytes of all entries. 0: no bound. For a type with bytes outside the
    /// object, define `std::size_t memo_footprint(T const&)` in its namespace; it returns them.
    std::size_t max_bytes = 0;
    /// The clock of `ttl`.
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

} // namespace memo
