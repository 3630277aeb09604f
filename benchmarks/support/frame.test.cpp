// SPDX-License-Identifier: BSL-1.0
// What the frame says of series that are known.

#include <support/measure.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using benchmark::interleaved;

namespace {

std::vector<double> drawn(std::size_t count, std::function<double(std::mt19937_64&)> const& draw) {
    std::mt19937_64 random(7);
    std::vector<double> values(count);
    for (double& value : values) {
        value = draw(random);
    }
    return values;
}

/// Returns the next of some numbers at each call.
std::function<double()> series(std::vector<double> values) {
    return [values = std::move(values), next = std::size_t{0}]() mutable {
        return values[next++ % values.size()];
    };
}

} // namespace

TEST_CASE("the median of an even number of values is between the two in the middle") {
    CHECK(benchmark::quantile({10, 2, 4, 1}, 0.5) == 3);
    CHECK(benchmark::quantile({10, 2, 4}, 0.5) == 4);
    CHECK(benchmark::quantile({4, 2, 8, 6, 10}, 0.25) == 4);
    CHECK(benchmark::quantile({7}, 0.75) == 7);
}

TEST_CASE("two groups of times are two modes, with their medians and shares") {
    auto const values = drawn(1000, [](auto& random) {
        bool const is_slow = std::bernoulli_distribution(0.4)(random);
        return std::normal_distribution<>(is_slow ? 100 : 17, is_slow ? 5 : 1)(random);
    });
    auto const found = benchmark::two_modes(values);
    REQUIRE(found.has_value());
    CHECK(found->low == Approx(17).margin(0.5));
    CHECK(found->high == Approx(100).margin(2));
    CHECK(found->share_of_high == Approx(0.4).margin(0.05));
}

TEST_CASE("one group of times is no two modes, whatever its tail") {
    CHECK_FALSE(benchmark::two_modes(
        drawn(1000, [](auto& random) { return std::normal_distribution<>(17, 2)(random); })));
    CHECK_FALSE(benchmark::two_modes(
        drawn(1000, [](auto& random) { return std::lognormal_distribution<>(3, 0.5)(random); })));
    CHECK_FALSE(benchmark::two_modes(
        drawn(1000, [](auto& random) { return std::uniform_real_distribution<>(5, 50)(random); })));
    std::vector<double> outliers(100, 17);
    for (std::size_t i = 0; i < 5; ++i) {
        outliers[i] = 1000;
    }
    CHECK_FALSE(benchmark::two_modes(outliers));
    CHECK_FALSE(benchmark::two_modes({1, 100})); // too few to say
}

TEST_CASE("a comparison is the median of the rounds with its quartiles") {
    interleaved group;
    group.add_measured("base", series({10}));
    group.add_measured("other", series({20}));
    group.measure(20);
    auto const ratio = group.ratio("other", "base");
    CHECK(ratio.median == 2);
    CHECK(ratio.lower == 2);
    CHECK(ratio.upper == 2);
    CHECK(ratio.control == 1);
    CHECK(ratio.doubt.empty());
    CHECK(group.difference("other", "base").median == 10);
}

TEST_CASE("a comparison is void if its reference differs from itself by more than a tenth") {
    for (double const second : {10.5, 12.0}) {
        interleaved group;
        group.add_measured("other", series({20}));
        group.add_measured("base", series({10, second}));
        group.measure_twice("base");
        group.measure(21);
        CHECK(group.control("base").has_value());
        CHECK_FALSE(group.control("other").has_value());
        CHECK(group.ratio("other", "base").doubt == (second < 11 ? "" : "null control"));
    }
}

TEST_CASE("the first variant is the reference where none is named") {
    interleaved group;
    group.add_measured("first", series({10, 15}));
    group.add_measured("second", series({10}));
    group.add_measured("third", series({20}));
    group.measure(21);
    CHECK(group.ratio("second", "first").doubt == "null control");
    CHECK(group.ratio("third", "second").doubt == "null control"); // no control of their own
}

TEST_CASE("a comparison with two answers is void") {
    interleaved group;
    group.add_measured("base", series({10}));
    group.add_measured("other", series({5, 20}));
    group.measure(20);
    CHECK(group.ratio("other", "base").doubt == "two modes");
    CHECK(group.modes_of("other").has_value());
}

TEST_CASE("a figure that is better than its bound is void") {
    interleaved group;
    group.add_measured("bare", series({10}));
    group.add_measured("faster", series({9}));
    group.add_measured("as fast", series({9.6}));
    group.not_faster("faster", "bare");
    group.not_faster("as fast", "bare");
    group.measure(20);
    CHECK(group.ratio("faster", "bare").doubt == "faster than its bound");
    CHECK(group.ratio("as fast", "bare").doubt.empty());
    CHECK_THROWS_AS(group.not_faster("as fast", "nobody"), std::logic_error);
}

TEST_CASE("operations that are timed by themselves have modes of their own") {
    interleaved group;
    std::size_t calls = 0;
    group.add_each("each", 100, [&] { ++calls; });
    group.measure(3);
    CHECK(calls == std::size_t{100} * (1 + 2 * 3)); // it warms up and is measured twice
    CHECK(group.median("each") >= 0);
    CHECK(group.median("each") < 2'000); // without the pause
}

TEST_CASE("a figure is the median of every second sample, and the others are its control") {
    auto const figure = benchmark::figure_of({10, 10.5, 14, 14.5, 12, 12.5, 11, 11.5, 13, 13.5});
    CHECK(figure.median == 12);
    CHECK(figure.lower == 11);
    CHECK(figure.upper == 13);
    CHECK(figure.control == Approx(12.5 / 12));
    CHECK(figure.doubt.empty());
    CHECK(benchmark::figure_of({10, 12, 10, 12}).doubt == "null control");
}
