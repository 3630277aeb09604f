// SPDX-License-Identifier: BSL-1.0
#pragma once

// Random choices that are the same with every compiler: the standard fixes the numbers of its engines,
// but not those of its distributions and std::shuffle.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace examples {

using random_engine = std::mt19937_64;

/// A number in [0, bound), each with the same probability; `bound` is at least 1.
[[nodiscard]] inline std::size_t uniform_below(std::size_t bound, random_engine& engine) {
    // Rejects the lowest draws, so that the number of the others is a multiple of `bound`.
    std::uint64_t const uneven = (random_engine::max() - bound + 1) % bound;
    std::uint64_t draw = engine();
    while (draw < uneven) {
        draw = engine();
    }
    return draw % bound;
}

/// 0 … n-1 in random order (Fisher, Yates 1938; Knuth, The Art of Computer Programming 2, 3.4.2,
/// algorithm P).
[[nodiscard]] inline std::vector<std::size_t> random_order(std::size_t n, random_engine& engine) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t left = n; left > 1; --left) {
        std::swap(order[left - 1], order[uniform_below(left, engine)]);
    }
    return order;
}

} // namespace examples
