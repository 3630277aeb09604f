// SPDX-License-Identifier: BSL-1.0
#pragma once

// A mean with its error.

#include <cstdint>
#include <iosfwd>

namespace memo {

/// The mean of one call with its error. Undefined numbers are NaN: the mean without samples, the others
/// with fewer than two.
///
/// Value           double, or a vector or array of double, one for each element of a sample
template <class Value> struct basic_estimate {
    Value mean{};
    Value variance{};           ///< of the samples, unbiased
    Value standard_error{};     ///< of the mean
    Value half_width{};         ///< of the interval around the mean at `confidence`, or at 0.95
    std::uint64_t count = 0;    ///< samples in the mean
    std::uint64_t rejected = 0; ///< samples outside the mean that on_nan = count counts
    bool settled = false;       ///< whether the mean meets the stopping rule
};

using estimate = basic_estimate<double>;

/// Prints `0.912 +- 0.004 (5 samples)`; inside the parentheses also `unsettled` if it is.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             estimate const& e) {
    out << e.mean << " +- " << e.half_width << " (" << e.count
        << (e.count == 1 ? " sample" : " samples");
    return out << (e.settled ? ")" : ", unsettled)");
}

} // namespace memo
