// SPDX-License-Identifier: BSL-1.0
#pragma once

// The stored moments of many calls and samples that were drawn anew in, whether both can come from the
// same functions out.
//
// If nothing has changed, a call's stored and fresh samples could be exchanged. So the fresh ones' sum,
// as far as it is off from what all of the call's samples let expect, has mean 0 and a variance that
// the moments give, whatever the samples' distribution is. These sums, each in units of its call's own
// standard deviation, are added over all calls; how far the total may be off is Bennett's inequality,
// which needs no normal distribution either. Scores that are 0 or 1 and nearly always 1 raise no alarm.

#include <memo/detail/hash_map.hpp>
#include <memo/detail/math.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace memo::detail {

/// Whether samples of an averaged function have moved away from what is stored. Movements of different
/// calls in different directions cancel out.
///
/// Memory:         what a sample takes and 100 bytes more, for each of 10'000 calls at most
/// Thread safety:  none
template <class Sample> class drift {
  public:
    /// Takes one fresh sample of a call. True, and all is forgotten, if the samples so far cannot come
    /// from where the stored ones come from: wrong once in 10^6 functions, however often one asks.
    ///
    /// stored          at least one sample
    /// Throws:         memo::error (sample) if the fresh one has another length
    [[nodiscard]] bool add(key128 key, moments<Sample> const& stored, Sample const& fresh) {
        if (calls_.size() >= max_calls) {
            forget();
        }
        call& one = calls_[key];
        moments<Sample> drawn = one.drawn;
        drawn.add(fresh);
        moments<Sample> all = stored;
        all.merge(drawn); // throws before anything is changed
        change_by(one, -1);
        one.drawn = drawn;
        measure(one, stored, all);
        change_by(one, 1);
        ++samples_;
        if (is_beyond_chance()) {
            forget();
            return true;
        }
        return false;
    }

  private:
    struct call {
        moments<Sample> drawn;      ///< the fresh samples
        std::vector<double> excess; ///< of their sum, in standard deviations, for each number
        double variance = 0;        ///< of the excess
    };

    /// Sampling without replacement: m of N values, of which nothing but mean and variance is known.
    void measure(call& one, moments<Sample> const& stored, moments<Sample> const& all) {
        auto const m = static_cast<double>(one.drawn.count());
        auto const n = static_cast<double>(stored.count());
        one.variance = m * n / (m + n);
        one.excess.resize(all.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            double const deviation = math::sqrt(all.m2(i) / (m + n - 1));
            double const off = m * (one.drawn.mean(i) - all.mean(i)) / deviation;
            one.excess[i] = math::is_finite(off) ? off : 0; // all equal, or no numbers
        }
        // No value is further from the mean of N than this (Samuelson 1968, JASA 63(324)).
        largest_ = (std::max)(largest_, (m + n - 1) / math::sqrt(m + n));
    }

    void change_by(call const& one, double sign) {
        variance_ += sign * one.variance;
        total_.resize((std::max)(total_.size(), one.excess.size()));
        for (std::size_t i = 0; i < one.excess.size(); ++i) {
            total_[i] += sign * one.excess[i];
        }
    }

    /// Bennett 1962, JASA 57(297), equation 8b; asked after each of any number of samples, on two
    /// sides, for each number of a sample.
    [[nodiscard]] bool is_beyond_chance() const {
        auto const asked = static_cast<double>(samples_);
        double const level = math::log(1e6) + math::log(2 * asked * (asked + 1)) +
                             math::log(static_cast<double>(total_.size()));
        bool beyond = false;
        for (double const total : total_) {
            double const u = largest_ * math::abs(total) / variance_;
            double const h = (1 + u) * math::log1p(u) - u;
            beyond = beyond || variance_ / (largest_ * largest_) * h > level;
        }
        return beyond;
    }

    void forget() noexcept {
        calls_.clear();
        total_.clear();
        variance_ = 0;
        largest_ = 0;
        samples_ = 0;
    }

    static constexpr std::size_t max_calls = 10'000;

    hash_map<key128, call> calls_;
    std::vector<double> total_; ///< excess of all calls, for each number of a sample
    double variance_ = 0;       ///< of each of these
    double largest_ = 0;        ///< that one sample can be off
    std::uint64_t samples_ = 0;
};

} // namespace memo::detail
