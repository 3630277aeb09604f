// SPDX-License-Identifier: BSL-1.0
#pragma once

// The semivalues of a game, from random permutations.
//
// A semivalue is a player's mean marginal over random coalitions of the others; the probability of
// each coalition size distinguishes the semivalues. The players before a player in a random
// permutation are a random coalition of uniform size, so one sampler serves all semivalues: a
// marginal at size k counts n p(k) times. With one seed all of them use the same coalitions, which
// are then hits.

#include "game.hpp"
#include "random.hpp"
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace examples {

/// Probability of each size 0 … n-1 of the coalition that a player joins.
using size_distribution = std::vector<double>;

/// The distribution in which size k+1 is `ratio(k)` times as likely as size k.
///
/// n               players, 1 to 1000: beyond that the terms can leave the range of double
template <class Ratio>
[[nodiscard]] size_distribution sizes_by_ratio(std::size_t n, Ratio const& ratio) {
    size_distribution sizes{1};
    for (std::size_t k = 0; k + 1 < n; ++k) {
        sizes.push_back(sizes.back() * ratio(static_cast<double>(k)));
    }
    double const sum = std::accumulate(sizes.begin(), sizes.end(), 0.0);
    for (double& probability : sizes) {
        probability /= sum;
    }
    return sizes;
}

/// Shapley: each size is as likely as any other.
[[nodiscard]] inline size_distribution shapley_sizes(std::size_t n) {
    return sizes_by_ratio(n, [](double) { return 1.0; });
}

/// Banzhaf: each coalition is as likely as any other, so sizes are binomial (Wang, Jia 2023, Data
/// Banzhaf, AISTATS, section 4).
[[nodiscard]] inline size_distribution banzhaf_sizes(std::size_t n) {
    auto const others = static_cast<double>(n - 1);
    return sizes_by_ratio(n, [=](double k) { return (others - k) / (k + 1); });
}

/// Beta(alpha, beta) Shapley: sizes are beta-binomial (Kwon, Zou 2022, Beta Shapley, AISTATS,
/// section 3). Beta(1, 1) is Shapley; a large alpha prefers small coalitions, where one sample
/// still makes a difference.
[[nodiscard]] inline size_distribution beta_sizes(std::size_t n, double alpha, double beta) {
    auto const others = static_cast<double>(n - 1);
    return sizes_by_ratio(n, [=](double k) {
        return (others - k) / (k + 1) * (k + beta) / (others - 1 - k + alpha);
    });
}

/// The number of random permutations, and their seed.
struct permutation_sampling {
    std::size_t permutations;
    std::uint64_t seed;
};

/// The semivalue of each player, estimated from random permutations.
///
/// Complexity:     n requests for each permutation
[[nodiscard]] inline player_values semivalue(game const& of, size_distribution const& sizes,
                                             permutation_sampling const& sampling) {
    std::size_t const n = of.players();
    double const share = static_cast<double>(n) / static_cast<double>(sampling.permutations);
    random_engine engine(sampling.seed);
    player_values values(n);
    for (std::size_t drawn = 0; drawn < sampling.permutations; ++drawn) {
        memo::index_set coalition(n);
        double without = of.worth_of_nobody();
        std::size_t size = 0;
        for (std::size_t const player : random_order(n, engine)) {
            coalition.insert(player);
            double const with = of.worth(coalition);
            values[player] += share * sizes[size] * (with - without);
            without = with;
            ++size;
        }
    }
    return values;
}

} // namespace examples
