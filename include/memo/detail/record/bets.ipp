// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/options.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

namespace memo::detail {

MEMO_DEFINITION void bets::add(double sample, sample_range range) noexcept {
    if (!(range.low <= sample && sample <= range.high)) {
        return;
    }
    double const width = range.high - range.low;
    double const y = (sample - range.low) / width;
    double const z = (range.high - sample) / width;
    for (std::size_t j = 0; j < size; ++j) {
        up_[j] += math::log(1 + odds[j] * y);
        down_[j] += math::log(1 + odds[j] * z);
    }
}

MEMO_DEFINITION void bets::merge(bets const& other) noexcept {
    for (std::size_t j = 0; j < size; ++j) {
        up_[j] += other.up_[j];
        down_[j] += other.down_[j];
    }
}

MEMO_DEFINITION void bets::remove(bets const& part) noexcept {
    // No sum is negative, or larger than that of larger odds.
    for (std::size_t j = 0; j < size; ++j) {
        up_[j] = (std::max)(0., up_[j] - part.up_[j]);
        down_[j] = (std::max)(0., down_[j] - part.down_[j]);
        if (j > 0) {
            up_[j] = (std::min)(up_[j], up_[j - 1]);
            down_[j] = (std::min)(down_[j], down_[j - 1]);
        }
    }
}

/// The logarithms of the capitals of unit stakes.
struct unit_capitals {
    bets::numbers logarithms{};
    double largest = -std::numeric_limits<double>::infinity();

    unit_capitals(bets::numbers const& sums, double count, double m) noexcept {
        for (std::size_t j = 0; j < bets::size; ++j) {
            logarithms[j] = sums[j] - count * math::log(1 + bets::odds[j] * m);
            largest = (std::max)(largest, logarithms[j]);
        }
    }

    /// The capital at one of the odds, divided by exp(largest).
    [[nodiscard]] double share(std::size_t j) const noexcept {
        return bets::stakes[j] * math::exp(logarithms[j] - largest);
    }
};

MEMO_DEFINITION double bets::log_capital(numbers const& sums, double count, double m) noexcept {
    unit_capitals const capitals(sums, count, m);
    double sum = 0;
    for (std::size_t j = 0; j < size; ++j) {
        sum += capitals.share(j);
    }
    return capitals.largest + math::log(sum);
}

/// Whether log_capital() reaches the limit; mostly without its exponentials.
MEMO_DEFINITION bool bets::excludes(numbers const& sums, double count, double m,
                                    double limit) noexcept {
    unit_capitals const capitals(sums, count, m);
    double const missing = limit - capitals.largest;
    if (!(missing < -std::numbers::ln2)) { // the stakes are 1/2 in all
        return false;
    }
    double sum = 0;
    double const wanted = math::exp(missing);
    for (std::size_t j = 0; j < size && sum < wanted; ++j) {
        sum += capitals.share(j);
    }
    return sum >= wanted;
}

/// The smallest candidate that the limit does not exclude. The tangents of a convex function lie
/// below it, so Newton's iteration approaches the candidate from excluded ones only.
MEMO_DEFINITION double bets::lowest(numbers const& sums, double count, double limit) noexcept {
    constexpr int max_steps = 200;
    double m = 0;
    for (int step = 0; step < max_steps; ++step) {
        unit_capitals const capitals(sums, count, m);
        double sum = 0;
        double slope = 0;
        for (std::size_t j = 0; j < size; ++j) {
            double const share = capitals.share(j);
            sum += share;
            slope += share * odds[j] / (1 + odds[j] * m);
        }
        double const excess = capitals.largest + math::log(sum) - limit;
        double const next = m + excess * sum / (count * slope);
        if (!(excess > 0 && next > m)) {
            break;
        }
        m = next;
    }
    return m;
}

MEMO_DEFINITION bounds bets::interval(std::uint64_t count, sample_range range,
                                      double confidence) const noexcept {
    auto const n = static_cast<double>(count);
    double const width = range.high - range.low;
    double const limit = -math::log1p(-confidence);
    return {(std::min)(range.low + width * lowest(up_, n, limit), range.high),
            (std::max)(range.high - width * lowest(down_, n, limit), range.low)};
}

MEMO_DEFINITION bool bets::is_within(bounds outer, std::uint64_t count, sample_range range,
                                     double confidence) const noexcept {
    auto const n = static_cast<double>(count);
    double const width = range.high - range.low;
    double const limit = -math::log1p(-confidence);
    return (outer.lower <= range.low ||
            excludes(up_, n, (outer.lower - range.low) / width, limit)) &&
           (outer.upper >= range.high ||
            excludes(down_, n, (range.high - outer.upper) / width, limit));
}

/// Samples with one of the sums have at least this mean: that of as many equal ones (Jensen).
MEMO_DEFINITION double bets::min_mean(numbers const& sums, double count) noexcept {
    double least = 0;
    for (std::size_t j = 0; j < size; ++j) {
        least = (std::max)(least, (math::exp(sums[j] / count) - 1) / odds[j]);
    }
    return least;
}

MEMO_DEFINITION bool bets::is_possible(std::uint64_t count) const noexcept {
    auto const is_ordered = [](numbers const& sums) { // false if one of them is NaN
        bool ordered = sums.back() >= 0;
        for (std::size_t j = 1; j < size; ++j) {
            ordered = ordered && sums[j] <= sums[j - 1];
        }
        return ordered;
    };
    if (!is_ordered(up_) || !is_ordered(down_)) {
        return false;
    }
    if (count == 0) {
        return up_.front() == 0 && down_.front() == 0;
    }
    constexpr double rounding = 1e-5; // of the sums of 10^9 samples
    auto const n = static_cast<double>(count);
    return min_mean(up_, n) + min_mean(down_, n) <= 1 + rounding;
}

} // namespace memo::detail
