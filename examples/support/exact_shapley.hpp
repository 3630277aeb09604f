// SPDX-License-Identifier: BSL-1.0
#pragma once

// Exact Shapley values of a game, from the definition.
//
// Every player joins every coalition of the others, so the definition needs n 2^n utilities of only
// 2^n coalitions: each n times. A cache saves n - 1 of these n.

#include "game.hpp"
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace examples {

/// The players whose bits are set.
[[nodiscard]] inline memo::index_set coalition_of(std::uint64_t bits, std::size_t players) {
    memo::index_set coalition(players);
    for (std::size_t player = 0; player < players; ++player) {
        if ((bits >> player & 1) != 0) {
            coalition.insert(player);
        }
    }
    return coalition;
}

/// How much the marginals of one player count in the Shapley value: the weight of those to
/// coalitions of k others is 1 / (n C(n-1, k)), the mean over all sizes of the mean over all
/// coalitions of a size (Shapley 1953, A value for n-person games, Contributions to the Theory of
/// Games II).
///
/// Returns         n weights, for k = 0 … n-1
[[nodiscard]] inline std::vector<double> shapley_weights(std::size_t n) {
    // Each next one follows from C(n-1, k+1) = C(n-1, k) (n-1-k) / (k+1).
    std::vector<double> weight(n, 1 / static_cast<double>(n));
    for (std::size_t k = 0; k + 1 < n; ++k) {
        weight[k + 1] = weight[k] * static_cast<double>(k + 1) / static_cast<double>(n - 1 - k);
    }
    return weight;
}

/// The Shapley value of one player: the weighted sum of its marginals u(S + player) - u(S).
///
/// player          in [0, n); n at most 63
/// Complexity:     2^n requests
[[nodiscard]] inline double exact_shapley_value(game const& of, std::size_t player) {
    std::size_t const n = of.players();
    auto const weight = shapley_weights(n);
    double value = 0;
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << n; ++bits) {
        if ((bits >> player & 1) != 0) {
            continue;
        }
        auto coalition = coalition_of(bits, n);
        double const without = of.worth(coalition);
        std::size_t const size = coalition.size();
        coalition.insert(player);
        value += weight[size] * (of.worth(coalition) - without);
    }
    return value;
}

/// The Shapley values of all players.
///
/// Complexity:     n 2^n requests
[[nodiscard]] inline player_values exact_shapley(game const& of) {
    player_values values;
    for (std::size_t player = 0; player < of.players(); ++player) {
        values.push_back(exact_shapley_value(of, player));
    }
    return values;
}

/// The distances of a value from the ends of its interval.
struct error_bar {
    double below = 0;
    double above = 0;
};

/// The error bars of all values, if every utility is a mean with its own interval and the errors are
/// independent. Source: Zou and Donner 2008, Statistics in Medicine 27(10), p. 1693: the distances of
/// a sum's ends are the roots of the sums of the squared distances.
///
/// players         n, at most 63
/// bar_of          called as `error_bar bar_of(coalition)` for each that is not empty
/// Complexity:     2^n requests
template <class BarOf>
[[nodiscard]] std::vector<error_bar> exact_shapley_bars(std::size_t players, BarOf const& bar_of) {
    auto const weight = shapley_weights(players);
    std::vector<error_bar> bars(players);
    for (std::uint64_t bits = 1; bits < std::uint64_t{1} << players; ++bits) {
        auto const coalition = coalition_of(bits, players);
        std::size_t const size = coalition.size();
        error_bar const bar = bar_of(coalition);
        for (std::size_t player = 0; player < players; ++player) {
            bool const inside = (bits >> player & 1) != 0; // otherwise its utility is subtracted
            double const counted = weight[inside ? size - 1 : size];
            double const below = counted * (inside ? bar.below : bar.above);
            double const above = counted * (inside ? bar.above : bar.below);
            bars[player].below += below * below;
            bars[player].above += above * above;
        }
    }
    for (error_bar& each : bars) {
        each = {std::sqrt(each.below), std::sqrt(each.above)};
    }
    return bars;
}

} // namespace examples
