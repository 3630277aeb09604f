// SPDX-License-Identifier: BSL-1.0

// Numbers and durations at the ends of their types.

#include "support/fake_clock.hpp"
#include <memo/memo.hpp>
#include <memo/time_span.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>

using memo::time_span;
using memo::detail::saturated_cast;
using memo::detail::saturated_product;
using memo::detail::saturated_sum;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

namespace {

using years = std::chrono::duration<std::int64_t, std::ratio<31'556'952>>;
using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
using frames = std::chrono::duration<std::int64_t, std::ratio<1001, 30'000>>;
using real_seconds = std::chrono::duration<double>;

nanoseconds of(time_span span) {
    return span;
}

} // namespace

TEST_CASE("a duration of an option is exact to the nanosecond") {
    CHECK(of({}) == 0ns);
    CHECK(of(1h) == 3'600'000'000'000ns);
    CHECK(of(-5ms) == -5'000'000ns);
    CHECK(of(nanoseconds::max() - 1ns) == nanoseconds::max() - 1ns);
    CHECK(of(nanoseconds::min() + 1ns) == nanoseconds::min() + 1ns);
    CHECK(of(years(292)) == nanoseconds(years(292)));
    CHECK(of(picoseconds(1999)) == 1ns);
    CHECK(of(frames(30'000)) == 1001s);
    CHECK(of(real_seconds(0.25)) == 250ms);
    CHECK(time_span(1s) == 1000ms);
    CHECK(time_span(1s) < 2s);
    CHECK(time_span(0h).is_zero());
    CHECK(time_span(-1ns).is_negative());
}

TEST_CASE("a duration beyond nanoseconds saturates") {
    CHECK(of(std::chrono::seconds::max()) == nanoseconds::max());
    CHECK(of(std::chrono::milliseconds::max()) == nanoseconds::max());
    CHECK(of(years(600)) == nanoseconds::max());
    CHECK(of(years(293)) == nanoseconds::max());
    CHECK(of(frames::max()) == nanoseconds::max());
    CHECK(of(real_seconds(std::numeric_limits<double>::infinity())) == nanoseconds::max());
    CHECK(of(real_seconds::max()) == nanoseconds::max());
    CHECK(of(std::chrono::duration<std::uint64_t>(std::numeric_limits<std::uint64_t>::max())) ==
          nanoseconds::max());
    CHECK(of(std::chrono::seconds::min()) == nanoseconds::min());
    CHECK(of(-years(600)) == nanoseconds::min());
    CHECK(time_span(real_seconds(std::numeric_limits<double>::quiet_NaN())).is_negative());
    CHECK(saturated_cast<std::chrono::duration<std::int32_t, std::milli>>(1h * 24 * 365).count() ==
          std::numeric_limits<std::int32_t>::max());
}

TEST_CASE("sums and products saturate") {
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    CHECK(saturated_sum(most - 1, std::size_t{1}) == most);
    CHECK(saturated_sum(most, std::size_t{1}) == most);
    CHECK(saturated_product(most / 2, std::size_t{2}) == most - 1);
    CHECK(saturated_product(most / 2, std::size_t{3}) == most);
    CHECK(saturated_sum(nanoseconds::max(), 1ns) == nanoseconds::max());
    CHECK(saturated_sum(nanoseconds::min(), -1ns) == nanoseconds::min());
    CHECK(saturated_sum(nanoseconds::max(), -1ns) == nanoseconds::max() - 1ns);
    using point = std::chrono::steady_clock::time_point;
    CHECK(saturated_sum(point(5ns), nanoseconds::max()) == point::max());
}

TEST_CASE("a result with the longest valid ttl is served") {
    auto const longest = GENERATE(time_span(nanoseconds::max()),
                                  time_span(std::chrono::seconds::max()), time_span(years(600)));
    memo_test::fake_clock const clock;
    auto f =
        memo::memoize([](int x) { return x; }, {.ttl = longest}, memo::memory({.clock = clock}));
    f(1);
    clock.advance(years(200));
    CHECK(f.contains(1));
}

TEST_CASE("options take seconds::max()") {
    auto f = memo::memoize([](int x) { return x; }, {.ttl = std::chrono::seconds::max()});
    CHECK(f(1) == 1);
    CHECK(f.contains(1));
    auto none =
        memo::memoize([](int x) { return x; }, {.time_threshold = std::chrono::hours::max()});
    CHECK(none(1) == 1);
    CHECK_FALSE(none.contains(1));
}
