// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/student.hpp>

#include <cstddef>
#include <cstdint>
#include <numbers>

namespace memo::detail {

MEMO_DEFINITION double student_probability(double t, std::uint64_t freedom) {
    double const angle = math::atan(t / math::sqrt(static_cast<double>(freedom)));
    double const sine = math::sin(angle);
    double const cosine = math::cos(angle);
    bool const odd = freedom % 2 == 1;
    double term = odd ? cosine : 1;
    double sum = freedom == 1 ? 0 : term;
    for (std::uint64_t k = odd ? 3 : 2; k + 2 <= freedom; k += 2) {
        auto const divisor = static_cast<double>(k);
        term *= cosine * cosine * (divisor - 1) / divisor;
        sum += term;
    }
    return odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

/// The smallest x >= 0 with `increasing(x) >= value`, by bisection.
template <class Increasing> double inverse(double value, Increasing const& increasing) {
    double low = 0;
    double high = 1;
    while (increasing(high) < value) {
        low = high;
        high *= 2;
    }
    for (double middle = (low + high) / 2; low < middle && middle < high;
         middle = (low + high) / 2) {
        (increasing(middle) < value ? low : high) = middle;
    }
    return high;
}

MEMO_DEFINITION student_quantiles::student_quantiles(double confidence, std::size_t max_precomputed)
    : confidence_(confidence),
      normal_(inverse(confidence, [](double z) { return math::erf(z / std::numbers::sqrt2); })) {
    for (std::size_t freedom = 1; freedom <= max_precomputed && freedom <= max_exact; ++freedom) {
        precomputed_.push_back(quantile(freedom));
    }
}

MEMO_DEFINITION double student_quantiles::quantile(std::uint64_t freedom) const {
    if (freedom <= precomputed_.size()) {
        return precomputed_[static_cast<std::size_t>(freedom - 1)];
    }
    if (freedom > max_exact) {
        return expanded(static_cast<double>(freedom));
    }
    return inverse(confidence_, [&](double t) { return student_probability(t, freedom); });
}

MEMO_DEFINITION double student_quantiles::expanded(double freedom) const {
    double const z = normal_;
    double const s = z * z;
    double const g1 = z * (s + 1) / 4;
    double const g2 = z * ((5 * s + 16) * s + 3) / 96;
    double const g3 = z * (((3 * s + 19) * s + 17) * s - 15) / 384;
    double const g4 = z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160;
    return z + (g1 + (g2 + (g3 + g4 / freedom) / freedom) / freedom) / freedom;
}

} // namespace memo::detail
