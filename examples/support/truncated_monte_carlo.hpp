// SPDX-License-Identifier: BSL-1.0
#pragma once

// The truncated Monte Carlo Shapley values of a game.

#include "game.hpp"
#include "random.hpp"
#include "semivalues.hpp"
#include <cmath>
#include <cstddef>

namespace examples {

/// Shapley values from random permutations. A permutation ends as soon as the worth of its coalition is
/// near that of all players; later marginals count as zero (Ghorbani, Zou 2019, ICML, algorithm 1).
///
/// tolerance       as a share of the worth of all players
/// Complexity:     at most n requests for each permutation, and one
[[nodiscard]] inline player_values truncated_monte_carlo(game const& of, double tolerance,
                                                         permutation_sampling const& sampling) {
    std::size_t const n = of.players();
    double const goal = of.worth(of.everybody());
    double const near_enough = tolerance * std::abs(goal);
    double const share = 1 / static_cast<double>(sampling.permutations);
    random_engine engine(sampling.seed);
    player_values values(n);
    for (std::size_t drawn = 0; drawn < sampling.permutations; ++drawn) {
        memo::index_set coalition(n);
        double without = of.worth_of_nobody();
        for (std::size_t const player : random_order(n, engine)) {
            if (std::abs(goal - without) <= near_enough) {
                break;
            }
            coalition.insert(player);
            double const with = of.worth(coalition);
            values[player] += share * (with - without);
            without = with;
        }
    }
    return values;
}

} // namespace examples
