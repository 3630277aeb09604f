// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads that start together and are joined.

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace memo::testing {

/// Runs body(0), …, body(count - 1), each in its own thread; all start before any continues.
template <class Body> void together(std::size_t count, Body const& body) {
    std::atomic<std::size_t> missing(count); // no std::latch: that of libstdc++ 12 hangs on Windows
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            missing.fetch_sub(1);
            while (missing.load() != 0) {
                std::this_thread::yield();
            }
            body(i);
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

} // namespace memo::testing
