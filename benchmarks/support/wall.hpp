// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the kernel does the work, CPU time of one thread says little: the same turns, by the clock on the wall. And
// processes that measure together.

#include <support/measure.hpp>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <examples/support/workers.hpp>
#include <exception>
#include <iostream>
#include <numeric>
#include <vector>

namespace benchmark {

/// ns
inline double wall_time() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Runs body(0) … body(count - 1), each in a process of its own, and gives what they returned.
template <class Body> std::vector<double> children(std::size_t count, Body const& body) {
    return examples::in_processes<double>(count, [&](std::size_t i, double& result) {
        try {
            result = body(static_cast<int>(i));
        } catch (std::exception const& failure) {
            std::cerr << failure.what() << '\n';
            throw;
        }
    });
}

template <class Body> double sum_of_children(std::size_t count, Body const& body) {
    auto const values = children(count, body);
    return std::accumulate(values.begin(), values.end(), 0.0);
}
template <class Body> double max_of_children(std::size_t count, Body const& body) {
    return std::ranges::max(children(count, body));
}

} // namespace benchmark
