// SPDX-License-Identifier: BSL-1.0
#pragma once

// The worth of the remaining players while they are removed in the order of their values: the usual
// curve of a valuation.

#include "game.hpp"
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace examples {

/// The players that are removed first.
enum class removal { best_first, worst_first };

/// Players by value, in the order of their removal; equal values by number.
[[nodiscard]] inline std::vector<std::size_t> leaving_order(std::span<double const> values,
                                                            removal first) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    double const sign = first == removal::best_first ? -1 : 1;
    std::ranges::sort(order, {},
                      [&](std::size_t player) { return std::pair(sign * values[player], player); });
    return order;
}

/// The worth of the remaining players after 0, 1, … n-1 removals.
[[nodiscard]] inline std::vector<double>
removal_curve(game const& of, std::span<double const> values, removal first) {
    auto remaining = of.everybody();
    std::vector<double> worths;
    for (std::size_t const player : leaving_order(values, first)) {
        worths.push_back(of.worth(remaining));
        remaining.erase(player);
    }
    return worths;
}

} // namespace examples
