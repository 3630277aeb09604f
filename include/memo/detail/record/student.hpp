// SPDX-License-Identifier: BSL-1.0
#pragma once

// Student's t distribution: from a confidence and degrees of freedom, the quantile that multiplies a
// standard error.

#include <memo/detail/math.hpp>

#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace memo::detail {

/// The chance that |T| <= t. Source: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// equations 26.7.3 and 26.7.4.
///
/// freedom         1, 2, …
/// Complexity:     O(freedom)
[[nodiscard]] inline double student_within(double t, std::uint64_t freedom) {
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

/// The smallest t >= 0 with `rises(t) >= wanted`, by bisection.
template <class Rising> double where(double wanted, Rising const& rises) {
    double low = 0;
    double high = 1;
    while (rises(high) < wanted) {
        low = high;
        high *= 2;
    }
    for (double middle = (low + high) / 2; low < middle && middle < high;
         middle = (low + high) / 2) {
        (rises(middle) < wanted ? low : high) = middle;
    }
    return high;
}

/// The quantiles of one confidence; the constructor computes those of few degrees of freedom.
class student_quantiles {
  public:
    /// confidence      between 0 and 1: the share of |T| below the quantile
    /// prepared        largest degrees of freedom to compute now, a few us each
    explicit student_quantiles(double confidence, std::size_t prepared = 0)
        : confidence_(confidence),
          normal_(where(confidence, [](double z) { return math::erf(z / std::numbers::sqrt2); })) {
        for (std::size_t freedom = 1; freedom <= prepared && freedom <= max_exact; ++freedom) {
            prepared_.push_back(quantile(freedom));
        }
    }

    /// freedom         1, 2, …
    [[nodiscard]] double quantile(std::uint64_t freedom) const {
        if (freedom <= prepared_.size()) {
            return prepared_[static_cast<std::size_t>(freedom - 1)];
        }
        if (freedom > max_exact) {
            return expanded(static_cast<double>(freedom));
        }
        return where(confidence_, [&](double t) { return student_within(t, freedom); });
    }

    [[nodiscard]] double confidence() const noexcept { return confidence_; }

  private:
    static constexpr std::size_t max_exact = 200;

    /// The expansion around the normal quantile, off by 1e-10 from 200 degrees on. Source:
    /// Abramowitz and Stegun, 26.7.5.
    [[nodiscard]] double expanded(double freedom) const {
        double const z = normal_;
        double const s = z * z;
        double const g1 = z * (s + 1) / 4;
        double const g2 = z * ((5 * s + 16) * s + 3) / 96;
        double const g3 = z * (((3 * s + 19) * s + 17) * s - 15) / 384;
        double const g4 = z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160;
        return z + (g1 + (g2 + (g3 + g4 / freedom) / freedom) / freedom) / freedom;
    }

    double confidence_;
    double normal_; ///< the limit for many degrees of freedom
    std::vector<double> prepared_;
};

} // namespace memo::detail
