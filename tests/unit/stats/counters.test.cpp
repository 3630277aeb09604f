// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/stats/cost.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/statistics.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

namespace {

constexpr std::uint64_t century = std::uint64_t{3} << 60U; // 110 years in ns
constexpr auto longest = std::chrono::nanoseconds::max();

} // namespace

TEST_CASE("the saved time saturates") {
    bool const quick = GENERATE(true, false);
    memo::detail::call_counters counters(quick);
    auto last = counters.since_reset();
    for (std::uint64_t hits = 1; hits < 6; ++hits) {
        if (!counters.quick_hit(memo::detail::cost_byte(century))) {
            counters.hit(century);
        }
        auto const now = counters.since_reset();
        CHECK(now.hits == hits);
        CHECK(now.calls == hits);
        CHECK(now.saved >= last.saved);
        CHECK(now.saved == (hits < 3 ? std::chrono::nanoseconds(hits * century) : longest));
        last = now;
    }
}

TEST_CASE("a hit adds its saved time") {
    bool const quick = GENERATE(true, false);
    memo::detail::call_counters counters(quick);
    counters.hit(1'000'001);
    counters.hit(1'000'001);
    CHECK(counters.since_reset().saved == std::chrono::nanoseconds(2'000'002));
}

TEST_CASE("the sum of two saved times saturates") {
    memo::statistics one;
    one.saved = longest - std::chrono::nanoseconds(2);
    memo::statistics other;
    other.saved = std::chrono::nanoseconds(1);
    one += other;
    CHECK(one.saved == longest - std::chrono::nanoseconds(1));
    one += one;
    CHECK(one.saved == longest);
    CHECK(to_json(one).find('-') == std::string::npos);
}

TEST_CASE("every counter has its own place in a tally, and a backend's counters are added") {
    memo::detail::call_counters counters(true);
    std::uint64_t amount = 0;
    counters.add(&memo::statistics::calls, ++amount);
    counters.add(&memo::statistics::misses, ++amount);
    counters.add(&memo::statistics::errors, ++amount);
    counters.add(&memo::statistics::disagreements, ++amount);
    counters.add(&memo::statistics::computing, ++amount);
    auto sum = counters.since_reset();
    CHECK(sum.calls == 1);
    CHECK(sum.misses == 2);
    CHECK(sum.errors == 3);
    CHECK(sum.disagreements == 4);
    CHECK(sum.computing == std::chrono::nanoseconds(5));
    CHECK(sum.hits + sum.evaluations + sum.corrupt + sum.audits == 0);

    memo::backend_statistics before;
    before.errors = 10;
    memo::backend_statistics now = before;
    now += before;
    now.corrupt = 7;
    sum.add(now, before);
    CHECK(sum.errors == 13);
    CHECK(sum.corrupt == 7);
    CHECK(sum.misses == 2);
    counters.reset();
    CHECK(memo::to_json(counters.since_reset()) == memo::to_json({}));
}
