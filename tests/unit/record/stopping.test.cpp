// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/stopping.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <vector>

using memo::stopping_rule;
using memo::detail::moments;
using memo::detail::stopping;

namespace {

moments<double> of(std::initializer_list<double> samples) {
    moments<double> m;
    for (double const sample : samples) {
        m.add(sample);
    }
    return m;
}

bool settled(stopping_rule const& rule, std::initializer_list<double> samples) {
    return stopping(rule, false).is_settled(of(samples));
}

} // namespace

TEST_CASE("a mean is settled when its standard error is within the tolerances") {
    // 0.9, 1.0, 1.1: mean 1, standard error 0.1 / sqrt(3) = 0.0577.
    CHECK(settled({.rtol_stderr = 0.0578}, {0.9, 1.0, 1.1}));
    CHECK_FALSE(settled({.rtol_stderr = 0.0577}, {0.9, 1.0, 1.1}));
    CHECK(settled({.rtol_stderr = 0.0378, .atol_stderr = 0.02}, {0.9, 1.0, 1.1}));
    CHECK_FALSE(settled({.rtol_stderr = 0.0377, .atol_stderr = 0.02}, {0.9, 1.0, 1.1}));
}

TEST_CASE("the sign of the mean does not matter") {
    CHECK(settled({.rtol_stderr = 0.0578}, {-0.9, -1.0, -1.1}));
    CHECK_FALSE(settled({.rtol_stderr = 0.0577}, {-0.9, -1.0, -1.1}));
}

TEST_CASE("a mean of zero is settled by the absolute tolerance alone") {
    CHECK_FALSE(settled({.rtol_stderr = 100}, {-0.1, 0.0, 0.1}));
    CHECK(settled({.rtol_stderr = 0, .atol_stderr = 0.0578}, {-0.1, 0.0, 0.1}));
}

TEST_CASE("constants are settled at exactly min_repetitions, and at two at least") {
    CHECK_FALSE(settled({}, {-1, -1}));
    CHECK(settled({}, {-1, -1, -1}));
    CHECK(settled({}, {0, 0, 0}));
    CHECK_FALSE(settled({.min_repetitions = 0}, {1}));
    CHECK(settled({.min_repetitions = 0}, {1, 1}));
}

TEST_CASE("a confidence selects the half-width of the t interval") {
    // Half-width at 0.95: 4.303 * 0.0577 = 0.2484.
    CHECK(settled({.rtol_stderr = 0.2485, .confidence = 0.95}, {0.9, 1.0, 1.1}));
    CHECK_FALSE(settled({.rtol_stderr = 0.2484, .confidence = 0.95}, {0.9, 1.0, 1.1}));
}

TEST_CASE("equal samples do not settle a score with a declared range") {
    stopping_rule const rule{.rtol_stderr = 0,
                             .atol_stderr = 0.1,
                             .confidence = 0.95,
                             .range = memo::sample_range{0, 1}};
    moments<double> m;
    std::uint64_t count = 0;
    while (!stopping(rule, false).is_settled(m)) {
        m.add(1);
        ++count;
    }
    CHECK(count == 30); // -ln(0.05) / n is 0.0999 at 30
    stopping_rule without = rule;
    without.range.reset();
    CHECK(settled(without, {1, 1, 1}));
}

TEST_CASE("a declared range widens the interval for rare values") {
    auto const half_width = [](std::initializer_list<double> samples) {
        stopping_rule const rule{.confidence = 0.95, .range = memo::sample_range{0, 1}};
        return stopping(rule, false).estimate_of(of(samples), 0).half_width;
    };
    // Scores of 0 and 1, in full: -ln(0.05) / 10 = 0.29957 beside 2.26216 * 0.1.
    CHECK(half_width({1, 1, 1, 1, 1, 1, 1, 1, 1, 0}) == Approx(0.37539).margin(1e-5));
    // A 150th of the variance that the mean allows: -ln(0.05) / 3 / 150 = 0.00666 beside 0.12421.
    CHECK(half_width({0.45, 0.5, 0.55}) == Approx(0.12439).margin(1e-5));
    // The standard error alone, without a confidence: 0.1 beside -ln(1 - 0.683) / 10 = 0.11488.
    stopping_rule rule{.rtol_stderr = 0, .atol_stderr = 0.1524, .range = memo::sample_range{0, 1}};
    CHECK(settled(rule, {1, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
    rule.atol_stderr = 0.1522;
    CHECK_FALSE(settled(rule, {1, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
}

TEST_CASE("Bernstein's interval is wider than Student's, and scales with the range") {
    stopping_rule const t{.confidence = 0.95, .range = memo::sample_range{0, 1}};
    stopping_rule bernstein = t;
    bernstein.interval = memo::empirical_bernstein;
    moments<double> m;
    for (int i = 0; i < 50; ++i) {
        m.add(i % 2);
    }
    double const narrow = stopping(t, false).estimate_of(m, 0).half_width;
    double const wide = stopping(bernstein, false).estimate_of(m, 0).half_width;
    CHECK(wide > 2 * narrow);
    bernstein.range = memo::sample_range{0, 10};
    CHECK(stopping(bernstein, false).estimate_of(m, 0).half_width > wide);
}

TEST_CASE("max_repetitions ends sampling without settling the mean") {
    stopping const rule({.rtol_stderr = 0, .min_repetitions = 2, .max_repetitions = 3}, false);
    CHECK_FALSE(rule.is_enough(of({1, 2}), 0));
    CHECK(rule.is_enough(of({1, 2, 3}), 0));
    CHECK(rule.is_enough(of({1, 2}), 1));
    CHECK_FALSE(rule.is_settled(of({1, 2, 3})));
    CHECK_FALSE(rule.estimate_of(of({1, 2, 3}), 0).settled);
}

TEST_CASE("an estimate says what ended the sampling, with each interval") {
    using enum memo::stop_reason;
    auto const reason = [](stopping_rule rule, std::initializer_list<double> samples,
                           std::uint64_t rejected = 0) {
        rule.rtol_stderr = 0;
        rule.max_repetitions = 4;
        auto const e = stopping(rule, false).estimate_of(of(samples), rejected);
        CHECK(e.settled ==
              (e.settled_by == memo::stop_reason::rule || e.settled_by == identical_samples));
        return e.settled_by;
    };
    stopping_rule const student{.atol_stderr = 0.1, .confidence = 0.95};
    CHECK(reason(student, {}) == std::nullopt);
    CHECK(reason(student, {1, 1}) == std::nullopt);
    CHECK(reason(student, {1, 1, 1}) == identical_samples);
    CHECK(reason(student, {1, 1.01, 1}) == memo::stop_reason::rule);
    CHECK(reason(student, {1, 2, 1}) == std::nullopt);
    CHECK(reason(student, {1, 2, 1, 2}) == max_repetitions);
    CHECK(reason(student, {1, 2}, 2) == max_repetitions);
    stopping_rule ranged = student;
    ranged.range = memo::sample_range{0, 1};
    CHECK(reason(ranged, {1, 1, 1}) == std::nullopt); // the range has other values
    ranged.atol_stderr = 0.999;
    CHECK(reason(ranged, {1, 1, 1}) == identical_samples);
    CHECK(reason(ranged, {1, 0.99, 1}) == memo::stop_reason::rule);
    ranged.interval = memo::empirical_bernstein;
    CHECK(reason(ranged, {1, 1, 1}) == std::nullopt);
    ranged.atol_stderr = 20;
    CHECK(reason(ranged, {1, 1, 1}) == identical_samples);
    CHECK(reason(ranged, {1, 0.99, 1}) == memo::stop_reason::rule);
}

TEST_CASE("a vector has identical samples if all elements that count have") {
    using enum memo::stop_reason;
    moments<std::vector<double>> m;
    m.add({1.0, 5.0});
    m.add({1.0, 5.1});
    m.add({1.0, 5.0});
    auto const reason = [&](std::optional<std::size_t> decides) {
        return stopping({.rtol_stderr = 0.1, .decides = decides}, false).reason_to_stop(m, 0);
    };
    CHECK(reason(std::nullopt) == memo::stop_reason::rule);
    CHECK(reason(0) == identical_samples);
    CHECK(reason(1) == memo::stop_reason::rule);
    CHECK(reason(2) == std::nullopt);
    CHECK(stopping({.decides = 0}, false).needs_range(m));
    CHECK_FALSE(stopping({}, false).needs_range(m));
    CHECK_FALSE(stopping({.range = memo::sample_range{0, 6}, .decides = 0}, false).needs_range(m));
}

TEST_CASE("a NaN mean is never settled") {
    double const nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_FALSE(settled({.rtol_stderr = 1, .atol_stderr = 1e300}, {1, nan, 1, 1}));
    CHECK_FALSE(settled({.rtol_stderr = 1, .confidence = 0.95, .range = memo::sample_range{0, 2}},
                        {nan, nan, nan}));
}

TEST_CASE("a vector is settled when all elements are, or the element of .decides") {
    moments<std::vector<double>> m;
    m.add({1.0, 5.0, 0.9});
    m.add({1.0, -5.0, 1.0});
    m.add({1.0, 3.0, 1.1});
    CHECK_FALSE(stopping({.rtol_stderr = 0.1}, false).is_settled(m));
    CHECK(stopping({.rtol_stderr = 0.1, .decides = 0}, false).is_settled(m));
    CHECK_FALSE(stopping({.rtol_stderr = 0.1, .decides = 1}, false).is_settled(m));
    CHECK(stopping({.rtol_stderr = 0.1, .decides = 2}, false).is_settled(m));
    CHECK_FALSE(stopping({.rtol_stderr = 0.1, .decides = 3}, false).is_settled(m));
    auto const e = stopping({.rtol_stderr = 0.1}, false).estimate_of(m, 2);
    CHECK(e.mean == std::vector<double>{1.0, 1.0, 1.0});
    CHECK(e.standard_error[0] == 0);
    CHECK(e.half_width[2] == Approx(0.2484).margin(1e-4));
    CHECK(e.count == 3);
    CHECK(e.rejected == 2);
}

TEST_CASE("an invalid stopping rule is refused") {
    double const nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<stopping_rule> const refused = {
        {.rtol_stderr = -0.1},
        {.rtol_stderr = nan},
        {.atol_stderr = -1},
        {.min_repetitions = 5, .max_repetitions = 4},
        {.min_repetitions = 0, .max_repetitions = 1},
        {.confidence = 0.0},
        {.confidence = 1.0},
        {.confidence = 95.0},
        {.range = memo::sample_range{1, 1}},
        {.range = memo::sample_range{0, std::numeric_limits<double>::infinity()}},
        {.interval = memo::empirical_bernstein},
    };
    for (std::size_t i = 0; i < refused.size(); ++i) {
        CAPTURE(i);
        CHECK_THROWS_AS(stopping(refused[i], false), memo::error);
    }
    CHECK_NOTHROW(stopping({.rtol_stderr = 0}, false));
}
