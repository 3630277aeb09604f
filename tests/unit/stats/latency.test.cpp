// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/stats/latency.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using memo::detail::latency;
using memo::detail::scoped_timer;
using namespace std::chrono_literals;

TEST_CASE("a latency is unknown before its first step") {
    latency const unknown;
    CHECK_FALSE(unknown.is_known());
    CHECK(unknown.average() == 0ns);
    CHECK(unknown.minimum() == std::chrono::nanoseconds::max());
}

TEST_CASE("the average of a latency follows a change, and its minimum stays") {
    latency steps;
    steps.add(800ns);
    CHECK(steps.is_known());
    CHECK(steps.average() == 800ns);
    steps.add(1600ns);
    CHECK(steps.average() == 900ns);
    for (int i = 0; i < 100; ++i) {
        steps.add(8000ns);
    }
    CHECK(steps.average() > 7900ns);
    CHECK(steps.average() <= 8000ns);
    CHECK(steps.minimum() == 800ns);
}

TEST_CASE("one step that waits for a processor raises the average and not the minimum") {
    latency steps;
    for (int i = 0; i < 100; ++i) {
        steps.add(100ns);
    }
    steps.add(8ms);
    CHECK(steps.average() > 900us);
    CHECK(steps.minimum() == 100ns);
}

TEST_CASE("the first eight steps are timed, and every eighth after them") {
    latency steps;
    int timed = 0;
    for (int i = 0; i < 80; ++i) {
        timed += steps.sample() == &steps ? 1 : 0;
    }
    CHECK(timed == 8 + 9);
}

TEST_CASE("a timer adds the time of its scope, divided by the steps made there") {
    latency one;
    latency many;
    {
        scoped_timer const timed_as_one(&one);
        scoped_timer const timed_as_many(&many, 1000);
        scoped_timer const not_timed(nullptr);
        auto const start = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - start < 1ms) {
        }
    }
    CHECK(one.average() >= 1ms);
    CHECK(many.average() >= 1us);
    CHECK(many.average() < one.average());
}
