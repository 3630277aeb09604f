// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a user may say about one memoized function, beside the function itself.

#include <memo/time_span.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace memo {

/// What happens when a backend fails: count it and go on without the cache, or throw `memo::error`.
enum class on_error_policy { degrade, strict };

using enum on_error_policy;

/// What becomes of a call whose result is not stored: the function runs; or it fails with
/// memo::error (miss), so that a run without errors is one that took nothing but stored results.
enum class on_miss_policy { compute, fail };

using enum on_miss_policy;

/// Says `time_threshold = memo::worthwhile`.
struct worthwhile_t {};
inline constexpr worthwhile_t worthwhile{};

/// Which results are worth to be stored: those that took a time at least, or those that took longer
/// than storing and fetching them takes. The latter is measured while the function runs; where it
/// never pays, the backend is hardly asked any more.
///
/// `worthwhile` is about what is kept out of the process: a backend on disk or on servers, of
/// memo::tiered the far one. memo::memory keeps everything, as it costs less than any function that is
/// worth to be memoized.
class storing_threshold {
  public:
    constexpr storing_threshold() = default; ///< everything is stored
    template <class Count, class Period>
    // NOLINTNEXTLINE(google-explicit-constructor): `.time_threshold = 1ms`
    constexpr storing_threshold(std::chrono::duration<Count, Period> least) noexcept
        : least_(least) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr storing_threshold(worthwhile_t) noexcept : is_worthwhile_(true) {}

    [[nodiscard]] constexpr std::chrono::nanoseconds least() const noexcept { return least_; }
    [[nodiscard]] constexpr bool is_worthwhile() const noexcept { return is_worthwhile_; }
    [[nodiscard]] constexpr bool is_none() const noexcept {
        return least_.is_zero() && !is_worthwhile_;
    }

  private:
    time_span least_;
    bool is_worthwhile_ = false;
};

/// Hears of a hit that an audit contradicted: several lines for people, see memo::explanation.
using disagreement_report = std::function<void(std::string const&)>;

/// The options of memoize, for designated initializers: `{.name = "knn5", .version = "2"}`.
///
/// R               the function's result type
template <class R> struct options {
    // Every member has an initializer of its own, or -Wextra would warn at each `{.name = …}` of a
    // user.

    /// Names the function for people and, with `version`, for every program that knows the name.
    std::string name{};
    /// With `name`, replaces the code's own identity: the entries survive a rebuild, and a change
    /// of the function must be said by a new version. Without `name` it is refused.
    std::string version{};
    /// Keeps experiments apart that share a backend: part of every key.
    std::string hash_prefix{};
    /// Results that took less time than this are not stored. 0: all are. `worthwhile`: nor are those
    /// that computing again takes less time than storing and fetching, see storing_threshold.
    storing_threshold time_threshold{};
    /// How long a stored result is served. 0: for ever.
    time_span ttl{};
    /// One evaluation for all callers that ask for one key at the same time, by whichever wrapper of the
    /// function on this store.
    bool single_flight = true;
    on_error_policy on_error = on_error_policy::degrade;
    /// `fail`: the function never runs, and a call that would have run it throws.
    on_miss_policy on_miss = on_miss_policy::compute;
    /// If given, only the results that it accepts are stored.
    std::function<bool(R const&)> store_if{};
    /// Of 1 / audit hits one, at random, runs the function again and compares; between 0 and 1.
    /// 0: none does. The stored value is what the caller is given all the same.
    double audit = 0;
    /// Called for each disagreement. If none is given, the first one is a line on stderr.
    disagreement_report on_disagreement{};
};

/// From where to where the samples of a function can be.
struct sample_range {
    double low;
    double high;
};

/// By which inequality `confidence` is meant: Student's t, for means of samples that are roughly
/// normal; or Bernstein's with the empirical variance, which holds for any samples in the declared
/// range however often one looks, and needs far more of them.
enum class interval_kind { student, empirical_bernstein };

using enum interval_kind;

/// When a mean is exact enough: `count >= min_repetitions` and
/// `error <= atol_stderr + rtol_stderr * |mean|`; or, unsettled, `count == max_repetitions`. The
/// error is the standard error, or the half-width of the interval at `confidence` if there is one.
/// Without one `range` widens the standard error as at 0.683, and `empirical_bernstein` means 0.95.
struct stopping_rule {
    double rtol_stderr = 0.1;
    double atol_stderr = 0;
    std::uint64_t min_repetitions = 3; ///< less than 2 is taken for 2
    std::uint64_t max_repetitions = 100;
    std::optional<double> confidence{};  ///< between 0 and 1
    std::optional<sample_range> range{}; ///< guards scores of few values, see docs/averaging.md
    interval_kind interval = student;
    std::optional<std::size_t> decides{}; ///< the one number of a vector that counts; all if none
};

/// What becomes of a sample that is not a number: it does not enter the mean, and another may be
/// drawn; the same, and it counts as one of max_repetitions, so that a call that gives nothing else
/// comes to an end; or it makes the mean NaN.
enum class on_nan_policy { reject, count, propagate };

using enum on_nan_policy;

/// How often one call draws: at most once, as pyDVL does, so that values move from call to call
/// until they are settled; or until the mean is settled, so that every call gives the final value.
enum class repeat_policy { per_call, until_settled };

using enum repeat_policy;

/// The options of memoize<Backend, averaged>. What the members from
/// rtol_stderr to decides mean is said at stopping_rule.
///
/// R               the function's result type, so that of one sample
template <class R> struct averaged_options {
    // As in options.
    std::string name{};
    std::string version{};
    std::string hash_prefix{};
    storing_threshold time_threshold{}; ///< must stay 0: the mean needs quick samples, too
    time_span ttl{};                    ///< of a record, from its first sample on
    bool single_flight = true; ///< if false, all who ask for an unsettled key draw at the same time
    on_error_policy on_error = on_error_policy::degrade;
    on_miss_policy on_miss = on_miss_policy::compute; ///< an unsettled mean is a miss, too
    std::function<bool(R const&)> store_if{}; ///< samples that it refuses do not enter the mean

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
        0; ///< as in memo::options; one sample is drawn, compared and not added to the mean
    disagreement_report on_disagreement{};
};

/// What to ask more of a stored mean: see memoized::refine. What is not given stays as it is.
struct refinement {
    std::optional<double> rtol_stderr{};
    std::optional<double> atol_stderr{};
    std::optional<std::uint64_t> min_repetitions{};
    std::optional<std::uint64_t> max_repetitions{};
    std::optional<double> confidence{};
};

} // namespace memo
