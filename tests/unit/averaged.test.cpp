// SPDX-License-Identifier: BSL-1.0

// Averaged functions, from the call to the mean.

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/fake_clock.hpp"
#include "support/faulty_backend.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;
using namespace std::chrono_literals;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

/// Returns the numbers one after the other, then always the last one.
struct script {
    std::vector<double> numbers;
    std::size_t next = 0;

    double operator()() {
        double const number = numbers[next];
        next = std::min(next + 1, numbers.size() - 1);
        return number;
    }
};

template <class Backend = memo::memory>
auto averaged(script& numbers, memo::averaged_options<double> const& options = {},
              Backend backend = {}) {
    return memo::memoize<Backend, memo::averaged>(
        memo::ignore_state([&numbers](int) { return numbers(); }), options, std::move(backend));
}

} // namespace

TEST_CASE("each call draws one sample until the mean is settled") {
    script numbers{{1, 2, 3, 2, 2, 2, 2, 2}};
    auto const f = averaged(numbers, {.rtol_stderr = 0.2});
    CHECK(f(7) == 1);
    CHECK(f(7) == 1.5);
    CHECK(f(7) == 2); // standard error 0.577
    CHECK(f(7) == 2); // 0.408
    CHECK(f(7) == 2); // 0.316 is settled
    CHECK(f(7) == 2);
    auto const s = at_rest(f);
    CHECK(s.evaluations == 5);
    CHECK(s.misses == 1);
    CHECK(s.refinements == 4);
    CHECK(s.hits == 1);
    CHECK(s.sets == 5);
}

TEST_CASE("a result without numbers is returned and does not enter a mean") {
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        [](int n) { return std::vector<double>(static_cast<std::size_t>(n), 1.5); });
    CHECK(f(0).empty());
    CHECK(f(0).empty());
    CHECK(f(2) == std::vector<double>{1.5, 1.5});
    CHECK(f.stats().rejected == 2);
    auto const counted = memo::memoize<memo::memory, memo::averaged>(
        [](int n) { return std::vector<double>(static_cast<std::size_t>(n), 1.5); },
        {.max_repetitions = 3, .on_nan = memo::count});
    for (int call = 0; call < 5; ++call) {
        CHECK(counted(0).empty());
    }
    CHECK(counted.stats().evaluations == 3);
}

TEST_CASE("until_settled draws within one call, and the value is final") {
    script numbers{{1, 2, 3, 2, 2, 2}};
    auto const f = averaged(numbers, {.rtol_stderr = 0.2, .repeat = memo::until_settled});
    CHECK(f.outcome(7).source == memo::source::computed);
    CHECK(f.outcome(7).source == memo::source::hit);
    CHECK(f(7) == 2);
    auto const s = at_rest(f);
    CHECK(s.evaluations == 5);
    CHECK(s.misses == 1);
    CHECK(s.hits == 2);
}

TEST_CASE("an outcome says that a record was refined") {
    script numbers{{1, 2}};
    auto const f = averaged(numbers);
    CHECK(f.outcome(7).source == memo::source::computed);
    auto const second = f.outcome(7);
    CHECK(second.source == memo::source::refined);
    CHECK(second.value == 1.5);
}

TEST_CASE("an estimate has the moments of the mean and its error") {
    script numbers{{0.9, 1.0, 1.1}};
    auto const f = averaged(numbers, {.rtol_stderr = 0.06});
    auto e = f.estimate(7);
    CHECK(e.mean == 0.9);
    CHECK(std::isnan(e.variance));
    CHECK(std::isnan(e.half_width));
    CHECK(e.count == 1);
    CHECK_FALSE(e.settled);
    static_cast<void>(f.estimate(7));
    e = f.estimate(7);
    CHECK(e.mean == Approx(1));
    CHECK(e.variance == Approx(0.01));
    CHECK(e.standard_error == Approx(0.057735));
    CHECK(e.half_width == Approx(0.248414));
    CHECK(e.count == 3);
    CHECK(e.settled);
    CHECK(f.estimate(7).count == 3);
    std::ostringstream text;
    text << e;
    CHECK(text.str() == "1 +- 0.248414 (3 samples)");
    CHECK(e.settled_by == memo::stop_reason::rule);
}

TEST_CASE("an estimate of equal samples says so") {
    script numbers{{0.9}};
    auto const f = averaged(numbers, {.repeat = memo::until_settled});
    auto const e = f.estimate(7);
    CHECK(e.settled);
    CHECK(e.settled_by == memo::stop_reason::identical_samples);
    std::ostringstream text;
    text << e;
    CHECK(text.str() == "0.9 +- 0 (3 samples, all equal)");
    CHECK(to_string(*e.settled_by) == "identical_samples");
    script more{{0.9, 0.9, 0.9, 1, 0.8, 1, 0.8, 1}};
    auto const g = averaged(more, {.max_repetitions = 5, .repeat = memo::until_settled});
    CHECK(g.estimate(7).settled_by == memo::stop_reason::identical_samples);
    CHECK(g.refine(7, {.rtol_stderr = 0.001, .min_repetitions = 4}).settled_by ==
          memo::stop_reason::max_repetitions);
}

TEST_CASE("a negative, a zero and a constant mean settle") {
    script negative{{-0.7}};
    auto const f = averaged(negative, {.repeat = memo::until_settled});
    CHECK(f(1) == -0.7);
    CHECK(f.stats().evaluations == 3);
    script zero{{-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, 0}};
    auto const g = averaged(zero, {.max_repetitions = 10, .repeat = memo::until_settled});
    auto const e = g.estimate(1);
    CHECK(e.mean == 0);
    CHECK(e.count == 10);
    CHECK_FALSE(e.settled);
    CHECK(g(1) == 0);
    CHECK(g.stats().evaluations == 10);
}

TEST_CASE("a sample that is no number does not enter the mean and is counted") {
    script numbers{{1, no_number, 3, std::numeric_limits<double>::infinity(), 2}};
    auto const f = averaged(numbers);
    CHECK(f(7) == 1);
    CHECK(f(7) == 1);
    CHECK(f(7) == 2);
    CHECK(f(7) == 2);
    auto const e = f.estimate(7);
    CHECK(e.mean == 2);
    CHECK(e.count == 3);
    CHECK(e.rejected == 0);
    auto const s = at_rest(f);
    CHECK(s.evaluations == 5);
    CHECK(s.rejected == 2);
    CHECK(s.sets == 3);
}

TEST_CASE("a function without any number runs at most max_repetitions times a call") {
    script numbers{{no_number}};
    auto const f = averaged(numbers, {.max_repetitions = 20, .repeat = memo::until_settled});
    CHECK(std::isnan(f(7)));
    CHECK(f.stats().evaluations == 20);
    CHECK_FALSE(f.contains(7));
    CHECK_FALSE(f.lookup(7).has_value());
    CHECK(f.stats().misses == 1);
}

TEST_CASE("rejected samples count as repetitions under on_nan = count") {
    script numbers{{1, no_number}};
    auto const f = averaged(
        numbers, {.max_repetitions = 5, .repeat = memo::until_settled, .on_nan = memo::count});
    auto const e = f.estimate(7);
    CHECK(e.mean == 1);
    CHECK(e.count == 1);
    CHECK(e.rejected == 4);
    CHECK_FALSE(e.settled);
    CHECK(f(7) == 1);
    CHECK(at_rest(f).hits == 1);
    CHECK(f.stats().evaluations == 5);
}

TEST_CASE("a NaN makes the mean NaN only under on_nan = propagate, and the mean is not settled") {
    script numbers{{1, no_number, 1}};
    auto const f = averaged(
        numbers, {.max_repetitions = 6, .repeat = memo::until_settled, .on_nan = memo::propagate});
    auto const e = f.estimate(7);
    CHECK(std::isnan(e.mean));
    CHECK_FALSE(e.settled);
    CHECK(e.count == 6);
}

TEST_CASE("a sample that store_if refuses does not enter the mean and is counted") {
    script numbers{{1, -5, 3}};
    auto const f = averaged(numbers, {.store_if = [](double x) { return x >= 0; }});
    CHECK(f(7) == 1);
    CHECK(f(7) == 1);
    CHECK(f(7) == 2);
    CHECK(at_rest(f).rejected == 1);
}

TEST_CASE("an exception does not change the mean, is counted, and reaches the caller") {
    int runs = 0;
    auto const f = memo::memoize<memo::memory, memo::averaged>(memo::ignore_state([&](int x) {
        if (++runs == 2) {
            throw std::domain_error("no score");
        }
        return 1.0 * x;
    }));
    CHECK(f(7) == 7);
    CHECK_THROWS_AS(f(7), std::domain_error);
    CHECK(f.lookup(7) == 7.0);
    CHECK(f(7) == 7);
    CHECK(f.estimate(7).count == 3);
    auto const s = at_rest(f);
    CHECK(s.failures == 1);
    CHECK(s.evaluations == 3);
}

TEST_CASE("a sample out of the declared range is an error and does not enter the mean") {
    script numbers{{0.5, 1.5, 0.7}};
    auto const f = averaged(numbers, {.range = memo::sample_range{0, 1}});
    CHECK(f(7) == 0.5);
    CHECK(code_of([&] { f(7); }) == memo::errc::sample);
    CHECK(f(7) == Approx(0.6));
    at_rest(f);
}

TEST_CASE("a stored mean is refined under a tighter rule, and the tolerance is in no key") {
    script numbers{{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2}};
    memo::memory const shared;
    auto const loose =
        averaged(numbers, {.rtol_stderr = 0.3, .repeat = memo::until_settled}, shared);
    CHECK(loose.estimate(7).count == 3);
    auto const tight = loose.refine(7, {.rtol_stderr = 0.1});
    CHECK(tight.count == 18);
    CHECK(tight.settled);
    CHECK(loose.estimate(7).count == 18);
    CHECK(loose.refine(7, {.rtol_stderr = 0.1}).count == 18); // is settled by now
    auto const more = loose.refine(7, {.min_repetitions = 20, .max_repetitions = 20});
    CHECK(more.count == 20);
    CHECK(code_of([&] { static_cast<void>(loose.refine(7, {.confidence = 2.0})); }) ==
          memo::errc::configuration);
    auto const s = at_rest(loose);
    CHECK(s.misses == 1);
    CHECK(s.refinements == 2);
    CHECK(s.hits == 2);
}

TEST_CASE("numbers, vectors and arrays are averaged") {
    int runs = 0;
    auto const vectors = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int x) {
            ++runs;
            return std::vector<float>{static_cast<float>(x), static_cast<float>(runs)};
        }),
        {.min_repetitions = 4, .decides = 0, .repeat = memo::until_settled});
    CHECK(vectors(7) == std::vector<double>{7, 2.5});
    CHECK(vectors.estimate(7).standard_error[0] == 0);
    CHECK(vectors.estimate(7).count == 4);
    auto const arrays = memo::memoize<memo::memory, memo::averaged>([](int x) {
        return std::array<int, 2>{x, -x};
    });
    CHECK(arrays(7) == std::array<double, 2>{7, -7});
    auto const truths = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int) { return ++runs % 2 == 0; }));
    double const first = truths(1);
    CHECK((first == 0 || first == 1));
    CHECK(truths(1) == 0.5);
}

TEST_CASE("vectors of different lengths for one call are an error and change nothing") {
    std::size_t length = 2;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int) { return std::vector<double>(length++, 1.0); }));
    CHECK(f(7).size() == 2);
    CHECK(code_of([&] { f(7); }) == memo::errc::sample);
    CHECK(f.lookup(7) == std::vector<double>{1, 1});
    CHECK(f.stats().errors == 0);
}

TEST_CASE("replicates number the samples of each key from 0 and have seeds of their own") {
    std::vector<std::pair<int, memo::replicate>> drawn;
    auto const draw = [&](int x, memo::replicate which) {
        drawn.emplace_back(x, which);
        return 1.0;
    };
    auto const run = [&] {
        drawn.clear();
        auto const f = memo::memoize<memo::memory, memo::averaged>(
            memo::ignore_state(draw), {.name = "numbered", .version = "1", .min_repetitions = 4});
        for (int i = 0; i < 4; ++i) {
            f(1);
            f(2);
        }
        CHECK(at_rest(f).hits == 0);
        f(1);
        CHECK(at_rest(f).hits == 1);
        return std::exchange(drawn, {});
    };
    auto const first = run();
    auto const second = run();
    REQUIRE(first.size() == 8);
    REQUIRE(second.size() == 8);
    std::set<std::uint64_t> seeds;
    for (std::size_t i = 0; i < first.size(); ++i) {
        CHECK(first[i].second.index == i / 2);
        CHECK(second[i].second.index == i / 2);
        CHECK(first[i].second.seed == second[i].second.seed);
        seeds.insert(first[i].second.seed);
    }
    CHECK(seeds.size() == 8);
}

TEST_CASE("a failed sample keeps its number, so that no seed is drawn twice") {
    std::vector<std::uint64_t> indices;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int, memo::replicate which) {
            indices.push_back(which.index);
            if (which.index == 1) {
                throw std::domain_error("no score");
            }
            return 1.0;
        }));
    f(7);
    CHECK_THROWS_AS(f(7), std::domain_error);
    f(7);
    CHECK(indices == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(f.estimate(7).count == 3);
}

TEST_CASE("a sample that began before its record was erased does not enter the next record") {
    memo_test::faulty_backend const backend; // has no identity: each wrapper is as another process
    auto const made = [&](std::function<double()> const& draw) {
        return memo::memoize<memo_test::faulty_backend, memo::averaged>(
            memo::ignore_state([draw](int, memo::replicate) { return draw(); }),
            {.name = "dropped", .version = "1", .single_flight = false}, backend);
    };
    auto const quick = made([] { return 1.0; });
    auto const slow = made([&] {
        quick.forget(7);
        CHECK(quick(7) == 1);
        return 100.0;
    });
    CHECK(slow(7) == 1);
    CHECK(slow(7) == 50.5); // its caller has drawn more than the record that is there has
    CHECK(quick.lookup(7) == 1.0);
    CHECK(quick.estimate(7).count == 2);
}

TEST_CASE("a sample of an erased record begins the next one if no other sample did") {
    memo_test::faulty_backend const backend; // has no identity: each wrapper is as another process
    auto const made = [&](std::function<double(std::uint64_t)> const& draw) {
        return memo::memoize<memo_test::faulty_backend, memo::averaged>(
            memo::ignore_state([draw](int, memo::replicate which) { return draw(which.index); }),
            {.name = "dropped by another", .version = "1"}, backend);
    };
    auto const other = made([](std::uint64_t) { return 0.0; });
    std::vector<std::uint64_t> indices;
    std::function<void()> meanwhile = [] {};
    auto const f = made([&](std::uint64_t index) {
        indices.push_back(index);
        std::exchange(meanwhile, [] {})();
        return 1.0;
    });
    f(7);
    meanwhile = [&] { other.forget(7); };
    CHECK(f(7) == 1);
    CHECK(f.estimate(7).count == 2);
    CHECK(indices == std::vector<std::uint64_t>{0, 1, 2});
}

TEST_CASE("a sample that began before forget() enters no record after it") {
    std::function<void()> meanwhile = [] {};
    double world = 1;
    auto const see = [&] {
        double const seen = world;
        std::exchange(meanwhile, [] {})();
        return seen;
    };
    auto const check = [&](auto const& f) {
        world = 1;
        f(7);
        meanwhile = [&] {
            world = 2;
            f.forget(7);
            CHECK(f.lookup(7) == std::nullopt);
        };
        CHECK(f(7) == 1); // of the samples before
        CHECK_FALSE(f.contains(7));
        CHECK(f(7) == 2);
        CHECK(f.estimate(7).count == 2);
        CHECK(at_rest(f).evaluations == 4);
    };
    check(memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([see](int) { return see(); })));
    check(memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([see](int, memo::replicate) { return see(); })));
}

TEST_CASE("without a store samples are averaged within the call and numbered") {
    std::vector<std::uint64_t> indices;
    auto const f = memo::memoize<memo::none, memo::averaged>(
        memo::ignore_state([&](int, memo::replicate which) {
            indices.push_back(which.index);
            return static_cast<double>(which.index);
        }),
        {.rtol_stderr = 0.5, .repeat = memo::until_settled});
    CHECK(f(7) == 1.5); // 0 1 2 3: standard error 0.65
    CHECK(indices == std::vector<std::uint64_t>{0, 1, 2, 3});
    static_cast<void>(f(7));
    CHECK(indices[4] == 4);
}

TEST_CASE("a failing backend costs the cache and no sample of the call") {
    script numbers{{1, 2, 3, 2}};
    memo_test::faulty_backend const backend;
    auto const f = averaged(numbers, {.rtol_stderr = 0.2, .repeat = memo::until_settled}, backend);
    backend.faults().put.always();
    CHECK(f(7) == 2);
    CHECK(f.stats().evaluations == 5);
    CHECK(f.stats().errors == 5);
    backend.faults().put.stop();
    CHECK_FALSE(f.contains(7));
    auto const strict = averaged(numbers, {.on_error = memo::strict}, backend);
    backend.faults().put.always();
    CHECK(code_of([&] { strict(8); }) == memo::errc::backend);
}

TEST_CASE("sample numbers are random and large while the backend is unreachable") {
    std::set<std::uint64_t> indices;
    memo_test::faulty_backend const backend;
    auto const f = memo::memoize<memo_test::faulty_backend, memo::averaged>(
        memo::ignore_state([&](int, memo::replicate which) {
            indices.insert(which.index);
            return 1.0;
        }),
        {.min_repetitions = 50, .repeat = memo::until_settled}, backend);
    backend.faults().put.always();
    CHECK(f(7) == 1);
    CHECK(indices.size() == 50);
    CHECK(*indices.begin() >= std::uint64_t{1} << 63);
}

TEST_CASE("no sample is numbered twice by a backend that loses the record") {
    std::set<std::uint64_t> seeds;
    memo::memory const too_small({.max_bytes = 1});
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int, memo::replicate which) {
            seeds.insert(which.seed);
            return 1.0;
        }),
        {.min_repetitions = 20, .repeat = memo::until_settled}, too_small);
    CHECK(f(7) == 1);
    CHECK(seeds.size() == 20);
    CHECK(at_rest(f).sets == 0);
    CHECK(f.stats().too_large == 40); // a number and a sample each
}

TEST_CASE("the ttl of a mean counts from its first sample") {
    memo_test::fake_clock const clock;
    memo::memory const backend({.clock = clock});
    script numbers{{1, 2, 3, 4, 5}};
    auto const f = averaged(numbers, {.ttl = 10s}, backend);
    f(7);
    clock.advance(6s);
    CHECK(f(7) == 1.5);
    clock.advance(6s);
    CHECK(f(7) == 3);
}

TEST_CASE("a snapshot has one value for each call, whatever is added to the mean") {
    script numbers{{1, 3, 5, 7, 9}};
    auto const f = averaged(numbers, {.min_repetitions = 5});
    CHECK(f(7) == 1);
    auto const frozen = f.snapshot();
    CHECK(frozen(7) == 2);
    CHECK(f(7) == 3);
    CHECK(frozen(7) == 2);
    CHECK(std::vector(2, frozen).back()(7) == 2); // copies share it
    CHECK(f.snapshot()(7) == 4);
    auto const before = at_rest(f).calls;
    CHECK(frozen(7) == 2);
    CHECK(at_rest(f).calls == before);
}

TEST_CASE("a bound in bytes holds for means of vectors") {
    memo::memory const backend({.max_bytes = 100'000});
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return std::vector<double>(1000, x); }, {}, backend);
    for (int x = 0; x < 10; ++x) {
        f(x);
    }
    CHECK(backend.stats().entries == 4); // of three numbers for each of theirs
}

TEST_CASE("every sample gets unmoved arguments") {
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        [](std::vector<double> values) {
            std::vector<double> const taken = std::move(values);
            return static_cast<double>(taken.size());
        },
        {.repeat = memo::until_settled});
    CHECK(f({1, 2, 3}) == 3);
    CHECK(f.stats().evaluations == 3);
}

TEST_CASE("invalid options are refused when the function is wrapped") {
    script numbers{{1}};
    CHECK(code_of([&] { averaged(numbers, {.time_threshold = 1ms}); }) ==
          memo::errc::configuration);
    CHECK(code_of([&] { averaged(numbers, {.min_repetitions = 10, .max_repetitions = 5}); }) ==
          memo::errc::configuration);
    CHECK(code_of([&] { averaged(numbers, {.ttl = -1ns}); }) == memo::errc::configuration);
    CHECK(code_of([&] { averaged(numbers, {.decides = 1}); }) == memo::errc::configuration);
    CHECK_NOTHROW(averaged(numbers, {.decides = 0}));
}

TEST_CASE("the index in .decides must exist in the result") {
    auto const array = [](int) { return std::array{1.0, 2.0}; };
    auto const wrapped = [&](std::size_t decides) {
        static_cast<void>(memo::memoize<memo::none, memo::averaged>(array, {.decides = decides}));
    };
    CHECK_NOTHROW(wrapped(1));
    CHECK(code_of([&] { wrapped(2); }) == memo::errc::configuration);

    auto const f = memo::memoize<memo::memory, memo::averaged>(
        [](int length) { return std::vector<double>(static_cast<std::size_t>(length), 1.0); },
        {.decides = 2});
    CHECK_NOTHROW(f(3));
    CHECK(code_of([&] { f(2); }) == memo::errc::sample);
    CHECK_FALSE(f.contains(2));
}

TEST_CASE("an averaged function and an exact one of the same name share no record") {
    memo::memory const backend;
    auto const exact = memo::memoize<memo::memory>([](int) { return 1.0; },
                                                   {.name = "f", .version = "1"}, backend);
    auto const noisy = memo::memoize<memo::memory, memo::averaged>(
        [](int) { return 2.0; }, {.name = "f", .version = "1"}, backend);
    CHECK(exact(7) == 1);
    CHECK(noisy(7) == 2);
    CHECK(exact(7) == 1);
}
