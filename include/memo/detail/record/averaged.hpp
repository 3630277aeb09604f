// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is remembered of an averaged function: the moments of its samples, and which samples were
// begun.

#include <memo/detail/math.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/drift.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/record/stopping.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace memo::detail {

/// The record of an averaged function.
template <class Sample> struct averaged_record {
    moments<Sample> samples;
    std::uint64_t rejected = 0; ///< samples that count as repetitions only
    std::uint64_t begun = 0;    ///< samples that were given a number
    std::uint64_t incarnation =
        0; ///< tells this record from one that is begun after it was dropped

    template <class Archive> void serialize(Archive& archive) {
        archive(samples, rejected, begun, incarnation);
        if constexpr (Archive::is_loading::value) {
            constexpr std::uint64_t most = moments<Sample>::max_samples;
            if (rejected > most || begun > most) {
                throw malformed();
            }
        }
    }

    /// Bytes that lie elsewhere.
    friend std::size_t memo_footprint(averaged_record const& kept) noexcept {
        return memo_footprint(kept.samples);
    }
};

template <class Sample>
inline constexpr record_kind kind_of_record<averaged_record<Sample>> = record_kind::moments;

/// How samples of type Sample come together.
///
/// Numbered        whether the function asks for a `replicate`
/// Thread safety:  safe
template <class Sample, bool Numbered> class averaging {
    using form = shape<Sample>;

  public:
    using sample = Sample;
    using result = typename form::value;
    using record = averaged_record<Sample>;
    using options = averaged_options<Sample>;
    struct key_material {};
    static constexpr bool merges = true;
    static constexpr bool numbered = Numbered;
    static constexpr bool comparable = true;
    using audited = drift<Sample>;
    static constexpr std::string_view kind = Numbered ? "averaged, numbered" : "averaged";

    /// Throws:         memo::error (configuration)
    explicit averaging(options const& chosen)
        : stopping_({chosen.rtol_stderr, chosen.atol_stderr, chosen.min_repetitions,
                     chosen.max_repetitions, chosen.confidence, chosen.range, chosen.interval,
                     chosen.decides},
                    true),
          store_if_(chosen.store_if),
          repeat_(chosen.repeat),
          on_nan_(chosen.on_nan) {
        if (!chosen.time_threshold.is_none()) {
            throw error(errc::configuration,
                        "averaged function: time_threshold would leave quick samples out of the "
                        "mean; leave it at 0");
        }
        if (chosen.decides && *chosen.decides >= form::most) {
            refuse_decides(errc::configuration);
        }
    }

    /// The same samples under a tighter rule, drawn until it is met.
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

    static bool is_of(record const&, key_material) noexcept { return true; }

    /// Whether there is a mean to give.
    static bool gives(record const& kept) noexcept { return kept.samples.count() > 0; }

    /// Whether no more samples are to be taken.
    [[nodiscard]] bool enough(record const& kept) const {
        return stopping_.enough(kept.samples, kept.rejected);
    }

    /// Whether a caller is served by what another one came by, who may have had other options: a record
    /// that it might have come to itself.
    [[nodiscard]] bool served_by(record const& kept) const {
        return repeat_ == until_settled ? enough(kept) : gives(kept);
    }

    static std::uint64_t draws_in(record const& kept) noexcept {
        return kept.samples.count() + kept.rejected;
    }

    /// Whether this call draws another sample.
    ///
    /// drawn           by this call
    [[nodiscard]] bool again(record const& kept, std::uint64_t drawn) const {
        return repeat_ == until_settled && drawn < stopping_.rule().max_repetitions &&
               !enough(kept);
    }

    static result give(record const& kept) { return kept.samples.means(); }

    /// now             one fresh sample; it says nothing of the mean if it could not enter it
    bool contradicts(drift<Sample>& seen, key128 key, record const& kept, Sample const& now) const {
        return accepts(now) && seen.add(key, kept.samples, now);
    }

    [[nodiscard]] auto estimate(record const& kept) const {
        return stopping_.estimate_of(kept.samples, kept.rejected);
    }

    /// Whether a sample may enter the mean. One without numbers has none to give.
    ///
    /// Throws:         memo::error (sample) for one that is out of the declared range, or lacks the
    ///                 number that decides
    [[nodiscard]] bool accepts(Sample const& drawn) const {
        if (auto const& decides = stopping_.rule().decides;
            decides && *decides >= form::size(drawn)) {
            refuse_decides(errc::sample);
        }
        if (form::size(drawn) == 0) {
            return false;
        }
        bool const numbers = is_number(drawn);
        if ((!numbers && on_nan_ != propagate) || (store_if_ && !store_if_(drawn))) {
            return false;
        }
        if (numbers && !in_range(drawn)) {
            throw error(errc::sample, "averaged function: a result lies outside of .range, which "
                                      "would make every interval wrong; declare a wider range");
        }
        return true;
    }

    /// Whether a sample that may not enter the mean is a repetition all the same.
    [[nodiscard]] bool counts_rejected() const noexcept { return on_nan_ == count; }

    // Merges, for backend.update. None of them depends on the order in which they are made.

    static auto begin(std::uint64_t incarnation) {
        return [incarnation](record const* old) {
            record now = old != nullptr ? *old : record{};
            now.incarnation = old != nullptr ? old->incarnation : incarnation;
            now.begun += 1;
            return now;
        };
    }

    /// A sample whose number was given by a record that is gone does not enter the one after it:
    /// its number may have been given again.
    static auto add(Sample const& drawn, sample_id by) {
        return change(by, [&drawn](record& now) { now.samples.add(drawn); });
    }

    static auto add_rejected(sample_id by) {
        return change(by, [](record& now) { now.rejected += 1; });
    }

  private:
    /// code            configuration where no result has the number, sample where one has not
    [[noreturn]] static void refuse_decides(errc code) {
        throw error(code,
                    "averaged function: .decides is beyond the last number of a result; count "
                    "them from 0");
    }

    template <class Change> static auto change(sample_id by, Change change) {
        // Of the record that this sample may have to begin. Not drawn by the merge: where an update is
        // tried again, all tries begin one record. Not const: where nothing is numbered it would be a
        // constant, and clang captures none.
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
                // Dropped meanwhile. Higher numbers may be under way; they will not enter.
                now.begun = by.number + 1;
                now.incarnation = incarnation;
            }
            return now;
        };
    }

    static bool is_number(Sample const& drawn) {
        for (std::size_t i = 0; i < form::size(drawn); ++i) {
            if (!math::is_finite(form::at(drawn, i))) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool in_range(Sample const& drawn) const {
        auto const& range = stopping_.rule().range;
        for (std::size_t i = 0; range && i < form::size(drawn); ++i) {
            double const x = form::at(drawn, i);
            if (x < range->low || x > range->high) {
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
