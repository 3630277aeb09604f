// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads that start together and are joined.

#include <memo/detail/cache/waiting.hpp>

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace memo_test {

/// Runs body(0), …, body(count - 1), each in its own thread; all start before any continues.
template <class Body> void together(std::size_t count, Body const& body) {
    std::latch begun(static_cast<std::ptrdiff_t>(count));
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            begun.arrive_and_wait();
            body(i);
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

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
