// SPDX-License-Identifier: BSL-1.0
#pragma once

// Tests whether fresh samples of many calls come from the same distributions as the stored ones.
//
// If nothing has changed, a call's stored and fresh samples are exchangeable. Under exchangeability
// the fresh sum's deviation from its expectation has mean 0 and a variance that follows from the
// moments, whatever the distribution is. The test adds these deviations over all calls, each in
// units of its call's standard deviation, and bounds the total by Bennett's inequality, which needs
// no normal distribution either. Scores of 0 and 1 that are nearly always 1 raise no alarm.

#include <memo/detail/hash_map.hpp>
#include <memo/detail/math.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace memo::detail {

/// Detects that the samples of an averaged function no longer match its stored moments. Changes of
/// different calls in opposite directions cancel out.
///
/// Memory:         one sample and 100 bytes for each of at most 10'000 calls
/// Thread safety:  none
template <class Sample> class drift {
  public:
    /// Adds one fresh sample of a call. Returns true, and resets the test, if the samples
    /// contradict the stored moments. A false alarm occurs in one of 10^6 functions, after any
    /// number of samples.
    ///
    /// stored          at least one sample
    /// Throws:         memo::error (sample) if the fresh one has another length
    [[nodiscard]] bool add(key128 key, moments<Sample> const& stored, Sample const& fresh) {
        if (calls_.size() >= max_calls) {
            reset();
        }
        call& current = calls_[key];
        moments<Sample> sum = current.fresh;
        sum.add(fresh);
        moments<Sample> all = stored;
        all.merge(sum); // throws before anything changes
        change_by(current, -1);
        current.fresh = sum;
        measure(current, stored, all);
        change_by(current, 1);
        ++samples_;
        if (is_beyond_chance()) {
            reset();
            return true;
        }
        return false;
    }

  private:
    struct call {
        moments<Sample> fresh;      ///< the fresh samples
        std::vector<double> excess; ///< deviation of their sum, in standard deviations, per element
        double variance = 0;        ///< of the excess
    };

    /// Sampling without replacement: m of N values with known mean and variance.
    void measure(call& current, moments<Sample> const& stored, moments<Sample> const& all) {
        auto const m = static_cast<double>(current.fresh.count());
        auto const n = static_cast<double>(stored.count());
        current.variance = m * n / (m + n);
        current.excess.resize(all.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            double const deviation = math::sqrt(all.m2(i) / (m + n - 1));
            double const excess = m * (current.fresh.mean(i) - all.mean(i)) / deviation;
            current.excess[i] = math::is_finite(excess) ? excess : 0; // all equal, or not finite
        }
        // The largest possible distance of a value from the mean of N (Samuelson 1968, JASA
        // 63(324)).
        largest_ = (std::max)(largest_, (m + n - 1) / math::sqrt(m + n));
    }

    void change_by(call const& current, double sign) {
        variance_ += sign * current.variance;
        total_.resize((std::max)(total_.size(), current.excess.size()));
        for (std::size_t i = 0; i < current.excess.size(); ++i) {
            total_[i] += sign * current.excess[i];
        }
    }

    /// Bennett 1962, JASA 57(297), equation 8b, two-sided, corrected for one test per sample and
    /// element.
    [[nodiscard]] bool is_beyond_chance() const {
        auto const tests = static_cast<double>(samples_);
        double const level = math::log(1e6) + math::log(2 * tests * (tests + 1)) +
                             math::log(static_cast<double>(total_.size()));
        bool is_beyond = false;
        for (double const total : total_) {
            double const u = largest_ * math::abs(total) / variance_;
            double const h = (1 + u) * math::log1p(u) - u;
            is_beyond = is_beyond || variance_ / (largest_ * largest_) * h > level;
        }
        return is_beyond;
    }

    void reset() noexcept {
        calls_.clear();
        total_.clear();
        variance_ = 0;
        largest_ = 0;
        samples_ = 0;
    }

    static constexpr std::size_t max_calls = 10'000;

    hash_map<key128, call> calls_;
    std::vector<double> total_; ///< excess of all calls, per element of a sample
    double variance_ = 0;       ///< of each total
    double largest_ = 0;        ///< maximal deviation of one sample
    std::uint64_t samples_ = 0;
};

} // namespace memo::detail
