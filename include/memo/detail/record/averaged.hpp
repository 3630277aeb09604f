// SPDX-License-Identifier: BSL-1.0
#pragma once

// The record of an averaged function: the moments of its samples, and the number of assigned sample
// ids.

#include <memo/detail/math.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/drift.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/record/stopping.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>

namespace memo::detail {

/// A record with moments, or with moments and the bets on them.
template <class Moments> struct merged_record {
    Moments samples;
    std::uint64_t rejected = 0;    ///< samples that count as repetitions but are not in the mean
    std::uint64_t begun = 0;       ///< assigned sample numbers
    std::uint64_t incarnation = 0; ///< separates this record from its successors under the same key
                                   ///< and, on disk, from those in other caches; 0: without one

    template <class Archive> void serialize(Archive& archive) {
        archive(samples, rejected, begun, incarnation);
        if constexpr (Archive::is_loading::value) {
            constexpr std::uint64_t max_count = Moments::max_samples;
            if (rejected > max_count || begun > max_count) {
                throw malformed_record();
            }
        }
    }

    /// Bytes outside the object.
    friend std::size_t memo_footprint(merged_record const& r) noexcept {
        return memo_footprint(r.samples);
    }
};

/// The record of an averaged function.
template <class Sample> struct averaged_record : merged_record<moments<Sample>> {
    template <class Archive> void serialize(Archive& archive) {
        merged_record<moments<Sample>>::serialize(archive);
    }
};

/// The record of an averaged function with `interval = memo::betting`.
template <class Sample> struct betting_record : merged_record<betting_moments<Sample>> {
    template <class Archive> void serialize(Archive& archive) {
        merged_record<betting_moments<Sample>>::serialize(archive);
    }
};

template <class Sample>
inline constexpr record_kind kind_of_record<averaged_record<Sample>> = record_kind::moments;
template <class Sample>
inline constexpr record_kind kind_of_record<betting_record<Sample>> = record_kind::bets;

/// Averages the samples of a function. Converts between records, samples and results.
///
/// Numbered        whether the function has a `replicate` parameter
/// Bets            whether `interval` is memo::betting
/// Thread safety:  safe
template <class Sample, bool Numbered, bool Bets = false> class averaging {
    using form = shape<Sample>;

  public:
    using sample = Sample;
    using result = typename form::value;
    using record = std::conditional_t<Bets, betting_record<Sample>, averaged_record<Sample>>;
    using options = std::conditional_t<Bets, betting_options<Sample>, averaged_options<Sample>>;
    /// A sample as add() takes it.
    using addend = std::conditional_t<Bets, betting_moments<Sample>, Sample>;
    struct key_material {};
    static constexpr bool merges = true;
    static constexpr bool numbered = Numbered;
    static constexpr bool comparable = true;
    struct audit_state {
        detail::mutex mutex;
        drift<Sample> samples; ///< guarded by the mutex
    };

    /// The kind of the record, a part of every key. Bets on another range are another kind.
    static auto kind(options const& chosen) {
        constexpr std::string_view plain = Numbered ? "averaged, numbered" : "averaged";
        if constexpr (Bets) {
            sample_range const range = chosen.range.value_or(sample_range{0, 0});
            auto const bits = [](double x) { return std::bit_cast<std::uint64_t>(x + 0.0); };
            return std::string(plain) + ", betting " +
                   to_string(key128{bits(range.low), bits(range.high)});
        } else {
            return plain;
        }
    }

    /// Throws:         memo::error (configuration)
    explicit averaging(options const& chosen)
        : stopping_(rule_of(chosen), !Bets),
          store_if_(chosen.store_if),
          repeat_(chosen.repeat),
          on_nan_(chosen.on_nan) {
        if (!chosen.time_threshold.is_none()) {
            throw error(
                errc::configuration,
                "averaged function: time_threshold would exclude quick samples from the mean; "
                "leave it at 0");
        }
        if constexpr (Bets) {
            check_betting(chosen.range);
        }
        if (chosen.decides && *chosen.decides >= form::max_size) {
            refuse_decides(errc::configuration);
        }
    }

    /// The same samples under a tighter rule; a call draws until the mean meets it.
    [[nodiscard]] averaging tightened(refinement const& more) const {
        stopping_rule rule = stopping_.rule();
        rule.rtol_stderr = more.rtol_stderr.value_or(rule.rtol_stderr);
        rule.atol_stderr = more.atol_stderr.value_or(rule.atol_stderr);
        rule.min_repetitions = more.min_repetitions.value_or(rule.min_repetitions);
        rule.max_repetitions = more.max_repetitions.value_or(rule.max_repetitions);
        rule.confidence = more.confidence ? more.confidence : rule.confidence;
        averaging tighter = *this;
        tighter.stopping_ = stopping(rule, false);
        tighter.repeat_ = until_settled;
        return tighter;
    }

    static bool has_key_material(record const&, key_material) noexcept { return true; }

    /// Whether the record has a mean.
    static bool has_result(record const& stored) noexcept { return stored.samples.count() > 0; }

    /// Whether sampling ends.
    [[nodiscard]] bool is_enough(record const& stored) const {
        return stopping_.is_enough(stored.samples, stored.rejected);
    }

    /// Whether a record that another caller completed, perhaps with other options, answers this
    /// call: it does if this call could have produced it.
    [[nodiscard]] bool can_serve(record const& stored) const {
        return repeat_ == until_settled ? is_enough(stored) : has_result(stored);
    }

    static std::uint64_t draw_count(record const& stored) noexcept {
        return stored.samples.count() + stored.rejected;
    }

    /// Whether this call draws another sample.
    ///
    /// draws           samples that this call drew
    [[nodiscard]] bool needs_sample(record const& stored, std::uint64_t draws) const {
        return repeat_ == until_settled && draws < stopping_.rule().max_repetitions &&
               !is_enough(stored);
    }

    static result result_of(record const& stored) { return stored.samples.means(); }

    /// fresh           one new sample; ignored if accepts() refuses it
    bool contradicts(audit_state& seen, key128 key, record const& stored,
                     Sample const& fresh) const {
        if (!accepts(fresh)) {
            return false;
        }
        std::scoped_lock const lock(seen.mutex);
        return seen.samples.add(key, stored.samples, fresh);
    }

    /// See stopping::needs_range().
    [[nodiscard]] bool needs_range(record const& stored) const {
        return stopping_.needs_range(stored.samples);
    }

    [[nodiscard]] auto estimate(record const& stored) const {
        return stopping_.estimate_of(stored.samples, stored.rejected);
    }

    /// Whether a sample may enter the mean. A vector without elements may not.
    ///
    /// Throws:         memo::error (sample) for a sample outside the declared range, or without the
    ///                 element that .decides names
    [[nodiscard]] bool accepts(Sample const& value) const {
        if (auto const& decides = stopping_.rule().decides;
            decides && *decides >= form::size(value)) {
            refuse_decides(errc::sample);
        }
        if (form::size(value) == 0) {
            return false;
        }
        if ((on_nan_ != propagate && !is_number(value)) || (store_if_ && !store_if_(value))) {
            return false;
        }
        if (!in_range(value)) {
            throw error(errc::sample, "averaged function: a result lies outside of .range, which "
                                      "invalidates every interval; declare a wider range");
        }
        return true;
    }

    /// Whether a rejected sample counts as a repetition.
    [[nodiscard]] bool counts_rejected() const noexcept { return on_nan_ == count; }

    /// Computes what add() adds, once for all of its calls.
    [[nodiscard]] std::conditional_t<Bets, addend, Sample const&>
    addend_of(Sample const& value) const {
        if constexpr (Bets) {
            addend one;
            one.add(value, *stopping_.rule().range);
            return one;
        } else {
            return value;
        }
    }

    // Merge functions for backend.update. They commute.

    static auto begin(std::uint64_t incarnation) {
        return [incarnation](record const* old) {
            record now = old != nullptr ? *old : record{};
            now.incarnation = old != nullptr ? old->incarnation : incarnation;
            now.begun += 1;
            return now;
        };
    }

    /// Discards a sample numbered by an erased record: its successor may reuse the number.
    static auto add(addend const& one, sample_id by) {
        return change(by, [&one](record& now) {
            if constexpr (Bets) {
                now.samples.merge(one);
            } else {
                now.samples.add(one);
            }
        });
    }

    static auto add_rejected(sample_id by) {
        return change(by, [](record& now) { now.rejected += 1; });
    }

  private:
    static stopping_rule rule_of(options const& chosen) {
        stopping_rule rule{chosen.rtol_stderr,     chosen.atol_stderr, chosen.min_repetitions,
                           chosen.max_repetitions, chosen.confidence,  chosen.range};
        rule.decides = chosen.decides;
        if constexpr (!Bets) {
            rule.interval = chosen.interval;
        }
        return rule;
    }

    /// code            configuration if no result can have the element; sample if one result lacks
    ///                 it
    [[noreturn]] static void refuse_decides(errc code) {
        throw error(code,
                    "averaged function: .decides is not the index of an element of the result; "
                    "indices begin at 0");
    }

    template <class Change> static auto change(sample_id by, Change change) {
        // Drawn outside the merge, so that all retries of an update start the same record. Not
        // const: without numbers it would be a constant, which clang does not capture.
        std::uint64_t incarnation = 0;
        if (Numbered && by.incarnation != 0) {
            incarnation = random_incarnation();
        }
        return [by, change, incarnation](record const* old) {
            record now = old != nullptr ? *old : record{};
            if (!Numbered || by.incarnation == 0 || old == nullptr ||
                old->incarnation == by.incarnation) {
                change(now);
            }
            if (Numbered && old == nullptr && by.incarnation != 0) {
                // The record was erased meanwhile. This sample starts its successor.
                now.begun = by.number + 1;
                now.incarnation = incarnation;
            }
            return now;
        };
    }

    static bool is_number(Sample const& value) {
        for (std::size_t i = 0; i < form::size(value); ++i) {
            if (!math::is_finite(form::at(value, i))) {
                return false;
            }
        }
        return true;
    }

    /// NaN and the infinities are in every range: on_nan decides about them.
    [[nodiscard]] bool in_range(Sample const& value) const {
        auto const& range = stopping_.rule().range;
        for (std::size_t i = 0; range && i < form::size(value); ++i) {
            double const x = form::at(value, i);
            if (math::is_finite(x) && (x < range->low || x > range->high)) {
                return false;
            }
        }
        return true;
    }

    stopping stopping_;
    std::function<bool(Sample const&)> store_if_;
    repeat_policy repeat_;
    on_nan_policy on_nan_;
};

} // namespace memo::detail
