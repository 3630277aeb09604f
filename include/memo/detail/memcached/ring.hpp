// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maps a key to the number of its server. Each server owns many arcs of a circle, so adding or removing one
// moves only its own share of the keys.
//
// Source: D. Karger et al., "Consistent hashing and random trees", STOC 1997, section 4; the count
// of points per server is that of ketama.

#include <memo/detail/key/hash.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace memo::detail {

/// Consistent hashing over servers, which are identified by their names.
class server_ring {
  public:
    /// names           as written by the user; all programs that share servers write the same, in any order
    explicit server_ring(std::vector<std::string> const& names) {
        constexpr std::size_t points_each = 160;
        points_.reserve(names.size() * points_each);
        for (std::size_t server = 0; server < names.size(); ++server) {
            for (std::size_t i = 0; i < points_each; ++i) {
                std::string const point = names[server] + '-' + std::to_string(i);
                points_.emplace_back(hash128(point.data(), point.size()).low, server);
            }
        }
        std::ranges::sort(points_);
        only_one_ = names.size() == 1;
    }

    /// Complexity:     O(log servers)
    [[nodiscard]] std::size_t server_of(key128 key) const {
        if (only_one_) {
            return 0;
        }
        auto const next = std::ranges::lower_bound(points_, key.high, {},
                                                   &std::pair<std::uint64_t, std::size_t>::first);
        return next == points_.end() ? points_.front().second : next->second;
    }

  private:
    std::vector<std::pair<std::uint64_t, std::size_t>> points_;
    bool only_one_ = false;
};

} // namespace memo::detail
