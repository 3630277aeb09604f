// SPDX-License-Identifier: BSL-1.0
#pragma once

// The measurements of a run, for the comparison with and without a cache.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace examples {

/// Requests of a utility and their cost.
struct tally {
    std::uint64_t requests = 0;    ///< requested utilities
    std::uint64_t evaluations = 0; ///< trained and scored models
    std::uint64_t hits = 0;        ///< utilities from the cache
    double seconds = 0;

    tally& operator+=(tally const& more) {
        requests += more.requests;
        evaluations += more.evaluations;
        hits += more.hits;
        seconds += more.seconds;
        return *this;
    }

    /// The share of the requests that were hits, in [0, 1]; 0 without requests.
    [[nodiscard]] double hit_ratio() const {
        return requests == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(requests);
    }
};

/// Equal bit for bit; == would not distinguish -0 from 0.
[[nodiscard]] inline bool identical(std::span<double const> a, std::span<double const> b) {
    return std::ranges::equal(a, b, {}, std::bit_cast<std::uint64_t, double>,
                              std::bit_cast<std::uint64_t, double>);
}

} // namespace examples
