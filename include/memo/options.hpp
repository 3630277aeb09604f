// SPDX-License-Identifier: BSL-1.0
#pragma once

// The options of one memoized function.

#include <memo/detail/refusal.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

namespace memo {

/// What happens when a backend fails: count the failure and call the function, or throw `memo::error`.
enum class on_error_policy { degrade, strict };

using enum on_error_policy;

/// What a miss does: call the function, or throw memo::error (miss). A program that completes under
/// `fail` used only stored results.
enum class on_miss_policy { compute, fail };

using enum on_miss_policy;

/// The type of `memo::worthwhile`, for `time_threshold = memo::worthwhile`.
struct worthwhile_t {};
inline constexpr worthwhile_t worthwhile{};

/// The minimal time of an evaluation whose result is stored: a fixed time, or, with `worthwhile`, the time
/// of a store and a lookup. memo measures these while the program runs, and soon uses a backend rarely if no
/// result is worthwhile.
///
/// `worthwhile` applies to records outside the process: on disk, on servers, in the far tier of
/// memo::tiered. memo::memory stores everything: a store costs less than any function that is worth
/// memoizing.
class storing_threshold : time_span {
  public:
    constexpr storing_threshold() = default; ///< stores everything
    using time_span::time_span;
    // NOLINTNEXTLINE(google-explicit-constructor): `.time_threshold = memo::worthwhile`
    constexpr storing_threshold(worthwhile_t) noexcept : is_worthwhile_(true) {}

    [[nodiscard]] constexpr std::chrono::nanoseconds least() const noexcept { return *this; }
    [[nodiscard]] constexpr bool is_worthwhile() const noexcept { return is_worthwhile_; }
    [[nodiscard]] constexpr bool is_none() const noexcept { return is_zero() && !is_worthwhile_; }

  private:
    bool is_worthwhile_ = false;
};

/// Callback for a hit that an audit contradicts. Its argument has several lines of text, see
/// memo::explanation.
using disagreement_report = std::function<void(std::string const&)>;

/// The options of memoize, for designated initializers: `{.name = "knn5", .version = "2"}`.
///
/// R               the function's result type
template <class R = detail::unnamed_result> struct options {
    static_assert(
        !std::is_same_v<R, detail::unnamed_result>,
        "memo: a variable of options names the function's result type: memo::options<double>");

    // Every member has an initializer, because -Wextra warns at `{.name = …}` otherwise.

    /// The name of the function in reports and, with `version`, its identity in every program.
    std::string name{};
    /// With `name`, replaces the identity of the compiled code: entries survive a rebuild, and a
    /// changed function needs a new version. memo refuses a version without a name.
    std::string version{};
    /// Part of every key; separates experiments that share a backend.
    std::string hash_prefix{};
    /// Results of faster evaluations are not stored. 0: all results are stored. `worthwhile`: see
    /// storing_threshold.
    storing_threshold time_threshold{};
    /// Time to live of a stored result. 0: no limit.
    time_span ttl{};
    /// One evaluation serves all callers that ask for one key at the same time, through any wrapper of
    /// the function on this store.
    bool single_flight = true;
    on_error_policy on_error = on_error_policy::degrade;
    /// `fail`: the function never runs, and a call that would have run it throws.
    on_miss_policy on_miss = on_miss_policy::compute;
    /// Whether to store a result. Empty: all results are stored.
    std::function<bool(R const&)> store_if{};
    /// Share of hits, between 0 and 1, that run the function again at random and compare the results.
    /// 0: none. The caller gets the stored value in any case.
    double audit = 0;
    /// Called for each disagreement. If empty, memo prints the first one as a line on stderr.
    disagreement_report on_disagreement{};
};

/// Bounds of all possible samples.
struct sample_range {
    double low;
    double high;
};

/// The interval of `confidence`: Student's t, for means of roughly normal samples; or Bernstein's with
/// the empirical variance, which holds for any samples in the declared range at every count, and
/// needs far more samples. `memo::betting` is the third one.
enum class interval_kind { student, empirical_bernstein };

using enum interval_kind;

/// The type of `memo::betting`, for `interval = memo::betting`: the interval by betting, which holds for
/// any samples in the declared range at every count, and needs about three times the samples of
/// Student's t. Its record takes 592 bytes more for each number of a sample.
struct betting_t {
    explicit constexpr betting_t(int) noexcept {
    } // no default: `{}` are the options of other intervals
};
inline constexpr betting_t betting{0};

/// When sampling ends: `count >= min_repetitions` and
/// `error <= atol_stderr + rtol_stderr * |mean|`, the mean is settled; or, unsettled,
/// `count == max_repetitions`. The error is the standard error, or the half-width of the interval at
/// `confidence` if that is set. Without `confidence`, `range` widens the standard error as at 0.683,
/// and `empirical_bernstein` and `betting` use 0.95.
struct stopping_rule {
    double rtol_stderr = 0.1;
    double atol_stderr = 0;
    std::uint64_t min_repetitions = 3; ///< at least 2 in effect
    std::uint64_t max_repetitions = 100;
    std::optional<double> confidence{};  ///< between 0 and 1
    std::optional<sample_range> range{}; ///< for scores with few values, see docs/averaging.md
    interval_kind interval = student;
    std::optional<std::size_t>
        decides{}; ///< index of the one element of a vector that counts; none: all
};

/// What a sample that is NaN or infinite does. reject: it does not enter the mean, and the call may
/// draw another one. count: the same, but it counts as one of max_repetitions, so a call without
/// finite samples ends. propagate: the mean becomes NaN.
enum class on_nan_policy { reject, count, propagate };

using enum on_nan_policy;

/// How many samples one call draws: at most one, as in pyDVL, so the value changes from call to call
/// until it is settled; or until the mean is settled, so every call returns the final value.
enum class repeat_policy { per_call, until_settled };

using enum repeat_policy;

/// The options of memoize<Backend, averaged>. stopping_rule documents the members from rtol_stderr to
/// decides.
///
/// R               the function's result type: one sample
template <class R = detail::unnamed_result> struct averaged_options {
    static_assert(!std::is_same_v<R, detail::unnamed_result>,
                  "memo: a variable of options names the function's result type: "
                  "memo::averaged_options<double>");

    // As in options.
    std::string name{};
    std::string version{};
    std::string hash_prefix{};
    storing_threshold time_threshold{}; ///< must be 0: the mean needs quick samples too
    time_span ttl{};                    ///< counts from a record's first sample
    bool single_flight = true; ///< if false, all callers of an unsettled key draw at the same time
    on_error_policy on_error = on_error_policy::degrade;
    on_miss_policy on_miss = on_miss_policy::compute; ///< an unsettled mean is a miss too
    std::function<bool(R const&)>
        store_if{}; ///< a sample for which it returns false does not enter the mean

    double rtol_stderr = 0.1;
    double atol_stderr = 0;
    std::uint64_t min_repetitions = 3;
    std::uint64_t max_repetitions = 100;
    std::optional<double> confidence{};
    std::optional<sample_range> range{};
    interval_kind interval = student;
    std::optional<std::size_t> decides{};
    repeat_policy repeat = per_call;
    on_nan_policy on_nan = reject;

    double audit =
        0; ///< as in memo::options; the audit draws one sample and does not add it to the mean
    disagreement_report on_disagreement{};
};

/// The options of memoize<Backend, averaged> with `interval = memo::betting`: the members of
/// averaged_options, which documents them.
///
/// R               the function's result type: one sample
template <class R> struct betting_options {
    std::string name{};
    std::string version{};
    std::string hash_prefix{};
    storing_threshold time_threshold{};
    time_span ttl{};
    bool single_flight = true;
    on_error_policy on_error = on_error_policy::degrade;
    on_miss_policy on_miss = on_miss_policy::compute;
    std::function<bool(R const&)> store_if{};

    double rtol_stderr = 0.1;
    double atol_stderr = 0;
    std::uint64_t min_repetitions = 3;
    std::uint64_t max_repetitions = 100;
    std::optional<double> confidence{};
    std::optional<sample_range> range{}; ///< must be set; part of every key
    betting_t interval;                  ///< memo::betting
    std::optional<std::size_t> decides{};
    repeat_policy repeat = per_call;
    on_nan_policy on_nan = reject;

    double audit = 0;
    disagreement_report on_disagreement{};
};

/// A tighter rule for memoized::refine. An empty member keeps its value.
struct refinement {
    std::optional<double> rtol_stderr{};
    std::optional<double> atol_stderr{};
    std::optional<std::uint64_t> min_repetitions{};
    std::optional<std::uint64_t> max_repetitions{};
    std::optional<double> confidence{};
};

} // namespace memo
