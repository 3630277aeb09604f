// SPDX-License-Identifier: BSL-1.0
#pragma once

// The duration of an evaluation in one byte, a floating-point number of nanoseconds.

#include <array>
#include <bit>
#include <cstdint>

namespace memo::detail {

/// Rounds a time to one byte: 6 bits of exponent, 2 of mantissa, an error of at most 12.5 %.
[[nodiscard]] constexpr std::uint8_t cost_byte(std::uint64_t ns) noexcept {
    if (ns < 4) {
        return static_cast<std::uint8_t>(ns);
    }
    auto exponent = static_cast<unsigned>(std::bit_width(ns)) - 3; // 2 bits follow the leading one
    std::uint64_t mantissa = ns >> exponent;
    mantissa += exponent > 0 ? (ns >> (exponent - 1)) & 1 : 0; // to nearest
    if (mantissa == 8) {
        mantissa = 4;
        ++exponent;
    }
    return static_cast<std::uint8_t>(exponent * std::uint64_t{4} + mantissa);
}

inline constexpr auto costs = [] {
    std::array<std::uint64_t, 256> all{0, 1, 2, 3};
    for (unsigned byte = 4; byte < all.size(); ++byte) {
        all[byte] = (std::uint64_t{4} + byte % 4) << (byte / 4 - 1);
    }
    return all;
}();

/// The time of a byte, in ns.
[[nodiscard]] constexpr std::uint64_t cost_of(std::uint8_t byte) noexcept {
    return costs[byte];
}

} // namespace memo::detail
