// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads that begin together and are waited for.

#include <memo/detail/cache/waiting.hpp>

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace memo_test {

/// Runs body(0), …, body(count - 1), each in a thread of its own, all begun before any goes on.
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

/// Lets others run until something holds.
template <class Predicate> void until(Predicate const& holds) {
    while (!holds()) {
        std::this_thread::yield();
    }
}

/// Lets others run until so many threads wait for another one's evaluation.
inline void until_waiting(std::size_t threads) {
    until([&] { return memo::detail::flight_base::waiting() == threads; });
}

} // namespace memo_test
