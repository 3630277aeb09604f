// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is known of a mean.

#include <cstdint>
#include <ostream>

namespace memo {

/// What is known of the mean of one call after some samples. Numbers are NaN where they are
/// undefined: mean below one sample, the others below two.
///
/// Value           double, or a vector or array of double, one for each number of a sample
template <class Value> struct basic_estimate {
    Value mean{};
    Value variance{};           ///< of the samples, unbiased
    Value standard_error{};     ///< of the mean
    Value half_width{};         ///< of the interval around the mean at `confidence`, or at 0.95
    std::uint64_t count = 0;    ///< samples in the mean
    std::uint64_t rejected = 0; ///< samples that are not, under on_nan = count
    bool settled = false;       ///< whether the mean is as exact as was asked for
};

using estimate = basic_estimate<double>;

/// `0.912 +- 0.004 (5 samples)`, and `unsettled` where it is.
inline std::ostream& operator<<(std::ostream& out, estimate const& e) {
    out << e.mean << " +- " << e.half_width << " (" << e.count
        << (e.count == 1 ? " sample" : " samples");
    return out << (e.settled ? ")" : ", unsettled)");
}

} // namespace memo
