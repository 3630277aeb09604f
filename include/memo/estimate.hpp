// SPDX-License-Identifier: BSL-1.0
#pragma once

// A mean with its error.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string_view>

namespace memo {

/// What ended the sampling of a mean.
enum class stop_reason : std::uint8_t {
    rule,              ///< the error meets the tolerance
    identical_samples, ///< the same, and all samples are equal: without a declared range their error is 0,
                       ///< which says little about a score with few values
    max_repetitions, ///< the number of samples; the mean does not meet the rule
};

/// The name of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(stop_reason reason) noexcept {
    switch (reason) {
    case stop_reason::rule:
        return "rule";
    case stop_reason::identical_samples:
        return "identical_samples";
    case stop_reason::max_repetitions:
        return "max_repetitions";
    }
    return "unknown";
}

/// The mean of one call with its error. Undefined numbers are NaN: the mean without samples, the others
/// with fewer than two.
///
/// Value           double, or a vector or array of double, one for each element of a sample
template <class Value> struct basic_estimate {
    Value mean{};
    Value variance{};        ///< of the samples, unbiased
    Value standard_error{};  ///< of the mean
    Value lower{};           ///< end of the interval for the mean at `confidence`, or at 0.95
    Value upper{};           ///< its other end; with `interval = betting` the range without samples
    Value half_width{};      ///< the larger distance of the mean from an end of the interval
    std::uint64_t count = 0; ///< samples in the mean
    std::uint64_t rejected = 0; ///< samples outside the mean that on_nan = count counts
    bool settled = false;       ///< whether the mean meets the stopping rule
    std::optional<stop_reason> settled_by{}; ///< nothing while a call would draw another sample
};

using estimate = basic_estimate<double>;

/// Prints `0.912 +- 0.004 (5 samples)`, or `0.912 in [0.905, 0.916] (5 samples)` if the interval is not
/// symmetric; inside the parentheses also `unsettled` or `all equal` if it applies.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             estimate const& e) {
    bool const is_symmetric = !(e.lower > e.mean - e.half_width || e.upper < e.mean + e.half_width);
    if (is_symmetric) {
        out << e.mean << " +- " << e.half_width;
    } else {
        out << e.mean << " in [" << e.lower << ", " << e.upper << "]";
    }
    out << " (" << e.count << (e.count == 1 ? " sample" : " samples");
    if (e.settled_by == stop_reason::identical_samples) {
        out << ", all equal";
    }
    return out << (e.settled ? ")" : ", unsettled)");
}

} // namespace memo
