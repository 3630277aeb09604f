// SPDX-License-Identifier: BSL-1.0

// Averaged functions with `interval = memo::betting`, from the call to the interval.

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <sstream>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;

namespace {

using options = memo::betting_options<double>;

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
constexpr memo::sample_range unit{0, 1};

/// 1, 1, 1, 0, again and again.
auto mostly_ones(int& runs) {
    return memo::ignore_state([&runs](int) { return ++runs % 4 == 0 ? 0. : 1.; });
}

options settled_to(double tolerance) {
    return {.rtol_stderr = 0,
            .atol_stderr = tolerance,
            .max_repetitions = 100'000,
            .range = unit,
            .interval = memo::betting,
            .repeat = memo::until_settled};
}

} // namespace

TEST_CASE("a mean settles when both ends of its interval are within the tolerance") {
    int runs = 0;
    auto const f = memo::memoize<memo::memory, memo::averaged>(mostly_ones(runs), settled_to(0.1));
    CHECK(f(1) == Approx(0.75).margin(0.02));
    auto const e = f.estimate(1);
    CHECK(e.settled);
    CHECK(e.count == static_cast<std::uint64_t>(runs));
    CHECK(e.count > 100);
    CHECK(e.count < 400);
    CHECK(e.mean - e.lower <= 0.1);
    CHECK(e.upper - e.mean <= 0.1);
    CHECK(e.mean - e.lower != Approx(e.upper - e.mean).epsilon(0.01));
    CHECK(e.half_width == std::max(e.mean - e.lower, e.upper - e.mean));
    CHECK(f.outcome(1).source == memo::source::hit);
    auto const s = at_rest(f);
    CHECK(s.misses == 1);
    CHECK(s.evaluations == e.count);
}

TEST_CASE("an interval that is not symmetric is printed by its ends") {
    std::ostringstream text;
    memo::estimate e;
    e.mean = 0.9;
    e.lower = 0.75;
    e.upper = 1;
    e.half_width = 0.15;
    e.count = 1;
    text << e;
    CHECK(text.str() == "0.9 in [0.75, 1] (1 sample, unsettled)");
}

TEST_CASE("the interval of other rules is the mean and its half-width") {
    int runs = 0;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        mostly_ones(runs),
        {.min_repetitions = 20, .confidence = 0.95, .repeat = memo::until_settled});
    auto const e = f.estimate(1);
    CHECK(e.lower == e.mean - e.half_width);
    CHECK(e.upper == e.mean + e.half_width);
    CHECK(std::isnan(
        memo::memoize<memo::memory, memo::averaged>(mostly_ones(runs)).estimate(1).lower));
}

TEST_CASE("per_call draws one sample for each call and has an interval from the first one") {
    int runs = 0;
    auto one = settled_to(0.1);
    one.repeat = memo::per_call;
    auto const f = memo::memoize<memo::memory, memo::averaged>(mostly_ones(runs), one);
    auto const first = f.estimate(1);
    CHECK(first.count == 1);
    CHECK(first.lower == 0);
    CHECK(first.upper == 1);
    CHECK_FALSE(first.settled);
    f(1);
    CHECK(runs == 2);
    CHECK(f.outcome(1).source == memo::source::refined);
}

TEST_CASE("bets need a range that is not too wide") {
    auto const code = [](options const& chosen) {
        return code_of([&] {
            return memo::memoize<memo::memory, memo::averaged>(
                +[](int) { return 1.; }, chosen);
        });
    };
    constexpr double max = std::numeric_limits<double>::max();
    CHECK(code({.interval = memo::betting}) == memo::errc::configuration);
    CHECK(code({.range = memo::sample_range{-max, max}, .interval = memo::betting}) ==
          memo::errc::configuration);
    CHECK(code({.confidence = 1, .range = unit, .interval = memo::betting}) ==
          memo::errc::configuration);
    CHECK(code({.range = memo::sample_range{1, 1}, .interval = memo::betting}) ==
          memo::errc::configuration);
}

TEST_CASE("bets on another range, and means without bets, are other records") {
    auto const wrap = [](auto const& chosen) {
        return memo::memoize<memo::none, memo::averaged>(
            +[](int x) { return x + 0.; }, chosen);
    };
    auto const key = [&](memo::sample_range range) {
        return wrap(
                   options{
                       .name = "ranged", .version = "1", .range = range, .interval = memo::betting})
            .key(1);
    };
    CHECK(key({0, 1}) == key({0, 1}));
    CHECK(key({0, 1}) == key({-0.0, 1}));
    std::set<memo::key128> const keys{
        key({0, 1}), key({0, 2}), key({-1, 1}),
        wrap(memo::averaged_options<double>{.name = "ranged", .version = "1", .range = unit})
            .key(1)};
    CHECK(keys.size() == 4);
}

TEST_CASE("a sample outside the range throws and enters neither mean nor bets") {
    double next = 0.5;
    auto chosen = settled_to(0.1);
    chosen.repeat = memo::per_call;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&next](int) { return next; }), chosen);
    f(1);
    next = 1.5;
    CHECK(code_of([&] { f(1); }) == memo::errc::sample);
    next = 0.5;
    CHECK(f.estimate(1).count == 2);
}

TEST_CASE("an element outside the range throws beside a NaN that propagates") {
    std::vector<double> next{no_number, 0.5};
    auto const draw = memo::ignore_state([&next](int) { return next; });
    auto const check = [&](auto const& f) {
        next = {no_number, 0.5};
        f(1);
        next = {no_number, 1.5};
        CHECK(code_of([&] { f(1); }) == memo::errc::sample);
        next = {std::numeric_limits<double>::infinity(), 0.7};
        f(1);
        CHECK(f.estimate(1).count == 3); // and one more
        CHECK(f.estimate(1).mean[1] < 0.7);
    };
    check(memo::memoize<memo::memory, memo::averaged>(draw,
                                                      {.range = unit, .on_nan = memo::propagate}));
    check(memo::memoize<memo::memory, memo::averaged>(
        draw, {.range = unit, .interval = memo::betting, .on_nan = memo::propagate}));
}

TEST_CASE("samples that are no numbers enter no bet") {
    for (memo::on_nan_policy const policy : {memo::reject, memo::count, memo::propagate}) {
        int runs = 0;
        auto chosen = settled_to(0.001);
        chosen.max_repetitions = 60;
        chosen.on_nan = policy;
        auto const f = memo::memoize<memo::memory, memo::averaged>(
            memo::ignore_state([&runs](int) { return ++runs % 3 == 0 ? no_number : 1.; }), chosen);
        auto const e = f.estimate(1);
        CAPTURE(static_cast<int>(policy), e.count, e.lower, e.upper);
        if (policy == memo::propagate) {
            CHECK(e.count == 60);
            CHECK(std::isnan(e.mean));
            CHECK(std::isnan(e.lower));
            CHECK(std::isnan(e.upper));
        } else {
            CHECK(e.count + e.rejected + (policy == memo::reject ? 20 : 0) == 60);
            CHECK(e.count == 40);
            CHECK(e.upper == 1);
            CHECK(e.lower > 0.85);
        }
        CHECK_FALSE(e.settled);
    }
}

TEST_CASE("the elements of a vector have an interval each, and decides names the one that counts") {
    std::mt19937_64 random(1);
    auto const draw = memo::ignore_state([&random](int) {
        return std::vector<double>{0.25, random() % 2 == 0 ? 0. : 1.};
    });
    memo::betting_options<std::vector<double>> chosen{.rtol_stderr = 0,
                                                      .atol_stderr = 0.1,
                                                      .max_repetitions = 10'000,
                                                      .range = unit,
                                                      .interval = memo::betting,
                                                      .repeat = memo::until_settled};
    auto const all = memo::memoize<memo::memory, memo::averaged>(draw, chosen).estimate(1);
    CHECK(all.settled);
    CHECK(all.half_width[0] < all.half_width[1]);
    CHECK(all.half_width[1] <= 0.1);
    CHECK(all.lower[0] < 0.25);
    CHECK(all.upper[0] > 0.25);
    chosen.decides = 0;
    auto const first = memo::memoize<memo::memory, memo::averaged>(draw, chosen).estimate(1);
    CHECK(first.settled);
    CHECK(first.count < all.count);
    CHECK(first.half_width[1] > 0.1);
    chosen.decides = 2;
    CHECK(code_of([&] { memo::memoize<memo::memory, memo::averaged>(draw, chosen)(1); }) ==
          memo::errc::sample);
}

TEST_CASE("an array of floats has bets on each element") {
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        +[](int) {
            return std::array<float, 2>{0, 1};
        },
        {.rtol_stderr = 0,
         .atol_stderr = 0.1,
         .range = unit,
         .interval = memo::betting,
         .repeat = memo::until_settled});
    auto const e = f.estimate(1);
    CHECK(e.settled);
    CHECK(e.lower[0] == 0);
    CHECK(e.upper[1] == 1);
    CHECK(e.upper[0] == Approx(1 - e.lower[1]));
}

TEST_CASE("refine adds samples until the narrower interval is within its tolerance") {
    int runs = 0;
    auto const f = memo::memoize<memo::memory, memo::averaged>(mostly_ones(runs), settled_to(0.2));
    auto const before = f.estimate(1);
    auto const after = f.refine(1, {.atol_stderr = 0.05});
    CHECK(after.settled);
    CHECK(after.half_width <= 0.05);
    CHECK(after.count > 4 * before.count);
    CHECK(f.estimate(1).count == after.count);
    CHECK(f.refine(1, {.confidence = 0.5}).count == after.count);
}

TEST_CASE("a snapshot of bets has one value for each call") {
    int runs = 0;
    auto chosen = settled_to(0.1);
    chosen.repeat = memo::per_call;
    auto const f = memo::memoize<memo::memory, memo::averaged>(mostly_ones(runs), chosen);
    auto const view = f.snapshot();
    double const first = view(1);
    CHECK(view(1) == first);
    CHECK(runs == 1);
}

TEST_CASE("numbered samples and bets share a record") {
    std::set<std::uint64_t> indices;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&indices](int, memo::replicate which) {
            indices.insert(which.index);
            return which.index % 2 == 0 ? 0. : 1.;
        }),
        settled_to(0.2));
    auto const e = f.estimate(1);
    CHECK(e.settled);
    CHECK(indices.size() == e.count);
    CHECK(*indices.rbegin() == e.count - 1);
}

TEST_CASE("the interval covers the mean although sampling stopped because of it") {
    std::mt19937_64 random(7);
    auto const f = memo::memoize<memo::none, memo::averaged>(
        memo::ignore_state([&random](int) { return random() % 10 == 0 ? 0. : 1.; }),
        settled_to(0.1));
    int covered = 0;
    for (int i = 0; i < 300; ++i) {
        auto const e = f.estimate(i);
        covered += e.lower <= 0.9 && 0.9 <= e.upper ? 1 : 0;
    }
    CHECK(covered >= 285);
}
