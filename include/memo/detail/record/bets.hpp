// SPDX-License-Identifier: BSL-1.0
#pragma once

// An interval for the mean of samples in a range that holds at all counts at once: the candidates
// against which no bet has become rich (Waudby-Smith and Ramdas 2024, JRSS B 86(1), "Estimating
// means of bounded random variables by betting", section 4).
//
// Let the range be [0, 1] and m a candidate for the mean. A bet at odds k multiplies its capital by
// (1 + k y) / (1 + k m) for each sample y. If m is the mean, the expected factor is 1 whatever the
// law is, so the capital ever reaches 1 / a with a probability of at most a (Ville 1939). The paper
// writes the factor as 1 + l (y - m), with l = k / (1 + k m).
//
// The paper chooses l by the samples so far. Fixed odds have two advantages. The logarithm of the
// capital is the sum of all log(1 + k y), minus n log(1 + k m): one sum serves all candidates. And
// sums commute: neither the order of the samples nor their split between threads, processes and
// machines changes them. A mixture of many odds, half of the stakes on y and half on 1 - y, replaces
// the choice. docs/decisions/0073-betting.md compares the alternatives.
//
// The logarithm of the capital of one half is convex in m, and at most 0 at the mean of the samples
// (Jensen). So the candidates that the two halves leave are an interval, and it contains this mean.

#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace memo::detail {

/// The ends of an interval.
struct bounds {
    double lower;
    double upper;
};

/// The bets on one element of the samples, 592 bytes.
///
/// Thread safety:  none
class bets {
  public:
    static constexpr std::size_t size = 37;
    using numbers = std::array<double, size>;

    /// Powers of two from 2^8 down to 2^-10, and the numbers halfway between them. Few samples, and
    /// samples that differ by little, need the largest odds; millions of samples the smallest.
    static constexpr numbers odds = [] {
        numbers all{};
        double power = 256;
        for (std::size_t j = 0; j < size; ++j) {
            all[j] = j % 2 == 0 ? power : 0.75 * power;
            power /= j % 2 == 0 ? 1 : 2;
        }
        return all;
    }();

    /// The initial capital at each of the odds, on y and again on 1 - y: Cauchy's law over the logarithm
    /// of the odds, with odds of 2 as its median and a scale of three powers of two. 1/2 in all.
    static constexpr numbers stakes = [] {
        numbers all{};
        double sum = 0;
        for (std::size_t j = 0; j < size; ++j) {
            double const distance = static_cast<double>(j) - 14;
            all[j] = 1 / (36 + distance * distance);
            sum += all[j];
        }
        for (double& each : all) {
            each /= 2 * sum;
        }
        return all;
    }();

    /// A sample outside the range, or NaN, loses all bets, which only widens the interval.
    void add(double sample, sample_range range) noexcept;

    /// other           bets on the same range
    void merge(bets const& other) noexcept;

    /// Undoes merge(part), but for rounding.
    void remove(bets const& part) noexcept;

    /// The interval for the mean; the whole range without samples.
    ///
    /// confidence      between 0 and 1
    [[nodiscard]] bounds interval(std::uint64_t count, sample_range range,
                                  double confidence) const noexcept;

    /// Whether `outer` contains the interval. Quicker than interval().
    [[nodiscard]] bool is_within(bounds outer, std::uint64_t count, sample_range range,
                                 double confidence) const noexcept;

    /// The logarithm of the capital against a candidate m in [0, 1] that was staked on y, or on
    /// 1 - y, whose candidate is 1 - m. Finite, except for counts beyond 10^300.
    [[nodiscard]] double log_capital_up(double count, double m) const noexcept {
        return log_capital(up_, count, m);
    }
    [[nodiscard]] double log_capital_down(double count, double one_minus_m) const noexcept {
        return log_capital(down_, count, one_minus_m);
    }

    /// Whether `count` samples can have these sums: those of both sides agree on a mean.
    [[nodiscard]] bool is_possible(std::uint64_t count) const noexcept;

    template <class Archive> void serialize(Archive& archive) { archive(up_, down_); }

  private:
    [[nodiscard]] static double log_capital(numbers const& sums, double count, double m) noexcept;
    [[nodiscard]] static bool excludes(numbers const& sums, double count, double m,
                                       double limit) noexcept;
    [[nodiscard]] static double lowest(numbers const& sums, double count, double limit) noexcept;
    [[nodiscard]] static double min_mean(numbers const& sums, double count) noexcept;

    numbers up_{};   ///< for each of the odds: the sum of log(1 + odds * y)
    numbers down_{}; ///< the same of 1 - y
};

/// Moments, and the bets on the same samples.
template <can_be_averaged Sample> class betting_moments : public moments<Sample> {
    using base = moments<Sample>;
    using form = shape<Sample>;
    using elements = typename form::template elements<bets>;
    static constexpr bool is_list = std::is_same_v<elements, std::vector<bets>>;

  public:
    /// Throws:         memo::error (sample) if its length differs from the samples before
    void add(Sample const& sample, sample_range range) {
        base::add(sample);
        fit();
        for (std::size_t i = 0; i < bets_.size(); ++i) {
            bets_[i].add(form::at(sample, i), range);
        }
    }

    /// other           moments of samples of the same range
    /// Throws:         memo::error (sample) if the lengths differ
    void merge(betting_moments const& other) {
        base::merge(other);
        fit();
        for (std::size_t i = 0; i < other.bets_.size(); ++i) {
            bets_[i].merge(other.bets_[i]);
        }
    }

    /// Undoes merge(part), but for rounding.
    ///
    /// part            of at most as many samples
    /// Throws:         memo::error (sample) if the lengths differ
    void remove(betting_moments const& part) {
        if (part.count() == 0) { // and without bets
            return;
        }
        base::remove(part);
        if (base::count() == 0) {
            *this = {};
        }
        for (std::size_t i = 0; i < bets_.size() && base::count() != 0; ++i) {
            bets_[i].remove(part.bets_on(i));
        }
    }

    /// On the i-th element.
    [[nodiscard]] bets const& bets_on(std::size_t i = 0) const { return bets_[i]; }

    /// Throws:         malformed_record when loading what no samples can have
    template <class Archive> void serialize(Archive& archive) {
        base::serialize(archive);
        archive(bets_);
        if constexpr (Archive::is_loading::value) {
            bool possible = bets_.size() == base::size();
            for (bets const& each : bets_) {
                possible = possible && each.is_possible(base::count());
            }
            if (!possible) {
                throw malformed_record();
            }
        }
    }

    /// Bytes outside the object.
    friend std::size_t memo_footprint(betting_moments const& m) noexcept {
        return is_list ? m.size() * (sizeof(spread) + sizeof(bets)) : 0;
    }

  private:
    void fit() {
        if constexpr (is_list) {
            bets_.resize(base::size());
        }
    }

    elements bets_{};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "bets.ipp"
#endif
