// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is lost when the samples leave one by one, in the order of their values: the usual picture
// of a valuation.

#include "game.hpp"
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace examples {

/// Which samples leave first.
enum class removal { best_first, worst_first };

/// Players by value, in the order in which they leave; equal values by number.
[[nodiscard]] inline std::vector<std::size_t> leaving_order(std::span<double const> values,
                                                            removal first) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    double const sign = first == removal::best_first ? -1 : 1;
    std::ranges::sort(order, {},
                      [&](std::size_t player) { return std::pair(sign * values[player], player); });
    return order;
}

/// The worth of those who are left after 0, 1, … n-1 players have left.
[[nodiscard]] inline std::vector<double>
removal_curve(game const& of, std::span<double const> values, removal first) {
    auto left = of.everybody();
    std::vector<double> worths;
    for (std::size_t const player : leaving_order(values, first)) {
        worths.push_back(of.worth(left));
        left.erase(player);
    }
    return worths;
}

} // namespace examples
