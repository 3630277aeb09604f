// SPDX-License-Identifier: BSL-1.0
#pragma once

// Processes that measure together.

#include <support/measure.hpp>

#include <algorithm>
#include <cstddef>
#include <examples/support/workers.hpp>
#include <exception>
#include <iostream>
#include <numeric>
#include <vector>

namespace benchmark {

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
