// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a run with a cache is measured by, against the same run without one.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace examples {

/// What a utility was asked for, and what that took.
struct tally {
    std::uint64_t requests = 0;    ///< worths that were asked for
    std::uint64_t evaluations = 0; ///< models that were trained and scored
    std::uint64_t hits = 0;        ///< worths that were remembered
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

/// Equal bit for bit: nearer than ==, for which -0 is 0.
[[nodiscard]] inline bool identical(std::span<double const> a, std::span<double const> b) {
    return std::ranges::equal(a, b, {}, std::bit_cast<std::uint64_t, double>,
                              std::bit_cast<std::uint64_t, double>);
}

} // namespace examples
