// SPDX-License-Identifier: BSL-1.0
#pragma once

// The quantiles of Student's t distribution, by confidence and degrees of freedom. They multiply
// the standard error.

#include <memo/detail/system/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memo::detail {

/// The probability of |T| <= t. Source: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// equations 26.7.3 and 26.7.4.
///
/// freedom         1, 2, …
/// Complexity:     O(freedom)
[[nodiscard]] double student_probability(double t, std::uint64_t freedom);

/// The quantiles of one confidence. The constructor precomputes those of few degrees of freedom.
class student_quantiles {
  public:
    /// confidence      the probability of |T| below the quantile, between 0 and 1
    /// max_precomputed largest degrees of freedom to compute now, a few us each
    explicit student_quantiles(double confidence, std::size_t max_precomputed = 0);

    /// freedom         1, 2, …
    [[nodiscard]] double quantile(std::uint64_t freedom) const;

    [[nodiscard]] double confidence() const noexcept { return confidence_; }

  private:
    static constexpr std::size_t max_exact = 200;

    /// The expansion around the normal quantile; error 1e-10 from 200 degrees on. Source:
    /// Abramowitz and Stegun, 26.7.5.
    [[nodiscard]] double expanded(double freedom) const;

    double confidence_;
    double normal_; ///< the limit for many degrees of freedom
    std::vector<double> precomputed_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "student.ipp"
#endif
