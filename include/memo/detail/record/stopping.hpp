// SPDX-License-Identifier: BSL-1.0
#pragma once

// The stopping rule: the error of a mean, and whether it is settled.

#include <memo/detail/math.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/detail/record/student.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/estimate.hpp>
#include <memo/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

namespace memo::detail {

/// Throws:         memo::error (configuration) for a range that bets cannot use, or none
void check_betting(std::optional<sample_range> const& range);

/// A valid stopping rule.
///
/// Thread safety:  safe
class stopping {
  public:
    /// precompute      whether to compute the quantiles of t now, in up to 2 ms
    ///
    /// Throws:         memo::error (configuration)
    stopping(stopping_rule const& rule, bool precompute);

    [[nodiscard]] stopping_rule const& rule() const noexcept { return rule_; }

    /// Whether the mean meets the tolerance.
    ///
    /// m               moments, or betting_moments
    template <class Moments> [[nodiscard]] bool is_settled(Moments const& m) const {
        if (m.count() < std::max<std::uint64_t>(rule_.min_repetitions, 2)) {
            return false;
        }
        return holds_where_it_counts(m, [&](std::size_t i) {
            return has_error_within(m, i,
                                    rule_.atol_stderr + rule_.rtol_stderr * math::abs(m.mean(i)));
        });
    }

    /// Whether sampling ends.
    ///
    /// rejected        samples that count as repetitions but are not in the moments
    template <class Moments>
    [[nodiscard]] bool is_enough(Moments const& m, std::uint64_t rejected) const {
        return m.count() + rejected >= rule_.max_repetitions || is_settled(m);
    }

    /// Why sampling ends; nothing if it goes on. See is_enough().
    template <class Moments>
    [[nodiscard]] std::optional<stop_reason> reason_to_stop(Moments const& m,
                                                            std::uint64_t rejected) const {
        if (is_settled(m)) {
            return has_identical_samples(m) ? stop_reason::identical_samples : stop_reason::rule;
        }
        return is_enough(m, rejected) ? std::optional(stop_reason::max_repetitions) : std::nullopt;
    }

    /// Whether the mean is settled on equal samples, and no range says which other ones there may be.
    template <class Moments> [[nodiscard]] bool needs_range(Moments const& m) const {
        return !rule_.range && has_identical_samples(m) && is_settled(m);
    }

    template <class Moments>
    [[nodiscard]] auto estimate_of(Moments const& m, std::uint64_t rejected) const {
        using form = shape<typename Moments::sample_type>;
        auto const all = [&](auto const& get) { return form::make(m.size(), get); };
        basic_estimate<typename form::value> result;
        result.mean = all([&](std::size_t i) { return m.mean(i); });
        result.variance = all([&](std::size_t i) { return m.variance(i); });
        result.standard_error = all([&](std::size_t i) { return m.standard_error(i); });
        result.lower = all([&](std::size_t i) { return interval(m, i).lower; });
        result.upper = all([&](std::size_t i) { return interval(m, i).upper; });
        result.half_width = all([&](std::size_t i) { return half_width(m, i); });
        result.count = m.count();
        result.rejected = rejected;
        result.settled_by = reason_to_stop(m, rejected);
        result.settled = result.settled_by && *result.settled_by != stop_reason::max_repetitions;
        return result;
    }

  private:
    /// Whether a condition holds for all elements, or for the one of .decides.
    ///
    /// holds           called with the index of an element
    template <class Moments, class Condition>
    [[nodiscard]] bool holds_where_it_counts(Moments const& m, Condition const& holds) const {
        if (rule_.decides) {
            return *rule_.decides < m.size() && holds(*rule_.decides);
        }
        for (std::size_t i = 0; i < m.size(); ++i) {
            if (!holds(i)) {
                return false;
            }
        }
        return true;
    }

    /// The first sample is the origin of the moments, so equal ones leave a sum of squares of exactly 0.
    template <class Moments> [[nodiscard]] bool has_identical_samples(Moments const& m) const {
        return m.count() > 1 &&
               holds_where_it_counts(m, [&](std::size_t i) { return m.m2(i) == 0; });
    }

    [[nodiscard]] double confidence() const { return rule_.confidence.value_or(0.95); }

    template <class Sample>
    [[nodiscard]] bool has_error_within(moments<Sample> const& m, std::size_t i,
                                        double tolerance) const {
        double const error = error_of(m, i); // infinite if m2 overflows
        return math::is_finite(error) && error <= tolerance;
    }

    template <class Sample>
    [[nodiscard]] bool has_error_within(betting_moments<Sample> const& m, std::size_t i,
                                        double tolerance) const {
        double const mean = m.mean(i);
        return math::is_finite(mean) &&
               m.bets_on(i).is_within({mean - tolerance, mean + tolerance}, m.count(), *rule_.range,
                                      confidence());
    }

    template <class Sample>
    [[nodiscard]] bounds interval(moments<Sample> const& m, std::size_t i) const {
        double const error = half_width(m, i);
        return {m.mean(i) - error, m.mean(i) + error};
    }

    template <class Sample>
    [[nodiscard]] bounds interval(betting_moments<Sample> const& m, std::size_t i) const {
        double const mean = m.mean(i);
        if (m.count() > 0 && !math::is_finite(mean)) {
            return {mean, mean};
        }
        bounds const ends = m.bets_on(i).interval(m.count(), *rule_.range, confidence());
        if (m.count() == 0) {
            return ends;
        }
        // Rounding may exclude the mean: in a range of few doubles, and of 10^8 equal samples.
        return {(std::min)(ends.lower, mean), (std::max)(ends.upper, mean)};
    }

    template <class Sample>
    [[nodiscard]] double error_of(moments<Sample> const& m, std::size_t i) const {
        if (rule_.confidence || rule_.interval == empirical_bernstein) {
            return half_width(m, i);
        }
        // One standard error is the half-width at 0.683.
        return math::hypot(m.standard_error(i), guard(m, i, 0.683));
    }

    template <class Sample>
    [[nodiscard]] double half_width(moments<Sample> const& m, std::size_t i) const {
        if (m.count() < 2) {
            return std::numeric_limits<double>::quiet_NaN();
        }
        if (rule_.interval == empirical_bernstein) {
            return bernstein(m, i);
        }
        return math::hypot(t_->quantile(m.count() - 1) * m.standard_error(i),
                           guard(m, i, confidence()));
    }

    template <class Sample>
    [[nodiscard]] double half_width(betting_moments<Sample> const& m, std::size_t i) const {
        auto const [lower, upper] = interval(m, i);
        return (std::max)(m.mean(i) - lower, upper - m.mean(i));
    }

    /// The half-width for values that no sample has had yet; 0 without a range.
    ///
    /// After n equal samples, a value at the other end of the range may still occur with a
    /// probability of -ln(1 - at) / n (the rule of three; Hanley and Lippman-Hand 1983, JAMA
    /// 249(13)). The guard has this size for samples that are equal or lie at the ends of the
    /// range. Otherwise the ratio of their variance to the largest variance that their mean allows
    /// scales it (Bhatia and Davis 2000, American Mathematical Monthly 107(4)): 1/m for the mean of
    /// m values at the ends.
    template <class Sample>
    [[nodiscard]] double guard(moments<Sample> const& m, std::size_t i, double at) const {
        if (!rule_.range) {
            return 0;
        }
        auto const n = static_cast<double>(m.count());
        double const width = rule_.range->high - rule_.range->low;
        double const largest = n * (rule_.range->high - m.mean(i)) * (m.mean(i) - rule_.range->low);
        double const coarseness = m.m2(i) == 0 ? 1 : (std::min)(1., m.m2(i) / largest);
        return -math::log1p(-at) / n * width * coarseness;
    }

    /// Valid for all counts at once, so sampling may stop at any count. Source: Mnih, Szepesvari
    /// and Audibert 2008, ICML, "Empirical Bernstein stopping", section 3.1, with p = 1.1.
    template <class Sample>
    [[nodiscard]] double bernstein(moments<Sample> const& m, std::size_t i) const {
        constexpr double p = 1.1;
        auto const n = static_cast<double>(m.count());
        double const share = (1 - confidence()) * (p - 1) / p / math::pow(n, p);
        double const x = math::log(3 / share);
        return math::sqrt(2 * (m.m2(i) / n) * x / n) +
               3 * (rule_.range->high - rule_.range->low) * x / n;
    }

    stopping_rule rule_;
    std::shared_ptr<student_quantiles const> t_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "stopping.ipp"
#endif
