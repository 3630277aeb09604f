// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace memo::detail {

MEMO_DEFINITION bool spread::is_possible(std::uint64_t count) const noexcept {
    if (count < 2) {
        return offset == 0 && (m2 == 0 || !math::is_finite(origin)) && (count == 1 || origin == 0);
    }
    return is_finite() ? math::is_finite(mean()) && m2 >= 0 : m2 != m2;
}

MEMO_DEFINITION void spread::remove(spread const& part, std::uint64_t count,
                                    std::uint64_t part_count) noexcept {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    auto const rest = static_cast<double>(count - part_count);
    auto const m = static_cast<double>(part_count);
    double const delta = (part.origin - origin) + (part.offset - offset);
    double const mean_of_rest = offset - delta * (m / rest);
    double const squares =
        m2 - part.m2 -
        (delta * (rest + m) / rest) * (delta * (rest + m) / rest) * (m * rest / (rest + m));
    if (!is_finite() || !part.is_finite() || !math::is_finite(origin + mean_of_rest)) {
        *this = {undefined, 0, undefined};
    } else if (count - part_count == 1) { // a single sample is its own origin
        *this = {origin + mean_of_rest, 0, 0};
    } else {
        offset = mean_of_rest;
        m2 = squares >= 0               ? squares
             : math::is_finite(squares) ? 0
                                        : std::numeric_limits<double>::infinity();
    }
}

MEMO_DEFINITION void spread::reset_origin() noexcept {
    offset = mean();
    origin = 0;
}

MEMO_DEFINITION void spread::add_distant(double sample, double n) noexcept {
    reset_origin();
    double const delta = sample - offset;
    offset = math::is_finite(delta) ? offset + delta / n : offset + (sample / n - offset / n);
    m2 += delta * (sample - offset);
}

MEMO_DEFINITION void refuse_length(std::size_t before, std::size_t now) {
    throw error(errc::sample, "averaged function: its results for the same arguments have " +
                                  std::to_string(before) + " and " + std::to_string(now) +
                                  " elements; return vectors of one length");
}

} // namespace memo::detail
