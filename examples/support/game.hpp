// SPDX-License-Identifier: BSL-1.0
#pragma once

// The game that every method of data valuation takes: players, and the worth of each coalition.

#include <memo/memo.hpp>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace examples {

/// The worth of a non-empty coalition: a plain function or a memoized one.
using utility = std::function<double(memo::index_set const&)>;

/// A cooperative game: players 0 … n-1, and a utility, the worth of a coalition (Shapley's word).
///
/// The worth of the empty coalition is a constant, because without samples there is no model.
class game {
  public:
    game(std::size_t players, utility worth, double worth_of_nobody)
        : players_(players), worth_(std::move(worth)), worth_of_nobody_(worth_of_nobody) {}

    [[nodiscard]] std::size_t players() const { return players_; }

    [[nodiscard]] double worth_of_nobody() const { return worth_of_nobody_; }

    [[nodiscard]] double worth(memo::index_set const& coalition) const {
        return coalition.empty() ? worth_of_nobody_ : worth_(coalition);
    }

    /// The coalition of all players.
    [[nodiscard]] memo::index_set everybody() const {
        memo::index_set all(players_);
        for (std::size_t player = 0; player < players_; ++player) {
            all.insert(player);
        }
        return all;
    }

  private:
    std::size_t players_;
    utility worth_;
    double worth_of_nobody_;
};

/// One value for each player.
using player_values = std::vector<double>;

} // namespace examples
