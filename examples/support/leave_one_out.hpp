// SPDX-License-Identifier: BSL-1.0
#pragma once

// The leave-one-out values of a game.

#include "game.hpp"
#include <cstddef>

namespace examples {

/// The loss of the grand coalition without one player: u(N) - u(N - player).
///
/// Complexity:     n + 1 requests
[[nodiscard]] inline player_values leave_one_out(game const& of) {
    auto coalition = of.everybody();
    double const all = of.worth(coalition);
    player_values values;
    for (std::size_t player = 0; player < of.players(); ++player) {
        coalition.erase(player);
        values.push_back(all - of.worth(coalition));
        coalition.insert(player);
    }
    return values;
}

} // namespace examples
