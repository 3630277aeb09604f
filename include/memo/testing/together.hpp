// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads that start together and are joined.

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace memo::testing {

/// Runs body(0), …, body(count - 1), each in its own thread; all start before any continues.
template <class Body> void together(std::size_t count, Body const& body) {
    std::latch start(static_cast<std::ptrdiff_t>(count));
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            body(i);
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

} // namespace memo::testing
