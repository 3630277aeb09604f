// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads that start together and are joined.

#include <memo/detail/cache/waiting.hpp>
#include <memo/testing/together.hpp>

#include <cstddef>
#include <thread>

namespace memo_test {

using memo::testing::together;

/// Yields until a condition holds.
template <class Predicate> void until(Predicate const& holds) {
    while (!holds()) {
        std::this_thread::yield();
    }
}

/// Yields until n threads wait for another one's evaluation.
inline void until_waiting(std::size_t threads) {
    until([&] { return memo::detail::flight_base::waiting() == threads; });
}

} // namespace memo_test
