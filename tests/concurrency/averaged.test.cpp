// SPDX-License-Identifier: BSL-1.0

#include "support/contract.hpp"
#include "support/crew.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

TEST_CASE("samples that many threads draw for one key all count") {
    for (bool const single_flight : {true, false}) {
        std::atomic<int> drawn{0};
        auto const f = memo::memoize<memo::memory, memo::averaged>(
            memo::ignore_state([&](int) { return static_cast<double>(++drawn); }),
            {.single_flight = single_flight, .min_repetitions = 1000, .max_repetitions = 1000});
        memo_test::together(8, [&](std::size_t) {
            for (int i = 0; i < 20; ++i) {
                f(1);
            }
        });
        auto const s = memo_test::at_rest(f);
        auto const before = f.estimate(1); // draws once more
        CHECK(s.evaluations + 1 == before.count);
        CHECK((single_flight || s.evaluations == 160));
        // The samples are 1 … n, in some order.
        auto const n = static_cast<double>(before.count);
        CHECK(before.mean == Approx((n + 1) / 2).epsilon(1e-9));
        CHECK(before.variance == Approx(n * (n + 1) / 12).epsilon(1e-9));
    }
}

TEST_CASE("callers of an unsettled key wait for the one that settles it") {
    std::atomic<int> inside{0};
    std::atomic<bool> together{false};
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int x) {
            together = together || ++inside > 1;
            --inside;
            return static_cast<double>(x);
        }),
        {.min_repetitions = 50, .repeat = memo::until_settled});
    memo_test::together(16, [&](std::size_t) { CHECK_NOTHROW(f(3)); });
    CHECK_FALSE(together);
    auto const s = memo_test::at_rest(f);
    CHECK(s.evaluations == 50);
    CHECK(s.misses == 1);
}

TEST_CASE("a caller with a tighter rule than its leader's continues from the leader's record") {
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return static_cast<double>(x); },
        {.min_repetitions = 5, .repeat = memo::until_settled});
    std::atomic<bool> too_few{false};
    memo_test::together(8, [&](std::size_t i) {
        if (i % 2 == 0) {
            f(3);
        } else if (f.refine(3, {.min_repetitions = 20}).count < 20) {
            too_few = true;
        }
    });
    CHECK_FALSE(too_few);
    auto const s = memo_test::at_rest(f);
    CHECK(s.evaluations == 20);
}

TEST_CASE("eight threads draw no seed twice in 100000 draws") {
    constexpr std::size_t threads = 8;
    constexpr std::size_t draws = 12500;
    std::vector<std::vector<memo::replicate>> drawn(threads);
    memo::memory const backend;
    memo_test::together(threads, [&](std::size_t worker) {
        auto& mine = drawn[worker];
        auto const f = memo::memoize<memo::memory, memo::averaged>(
            memo::ignore_state([&mine](int, memo::replicate which) {
                mine.push_back(which);
                return static_cast<double>(which.index);
            }),
            {.name = "seeds",
             .version = "1",
             .single_flight = false,
             .min_repetitions = 1'000'000,
             .max_repetitions = 1'000'000},
            backend);
        for (std::size_t i = 0; i < draws; ++i) {
            f(1);
        }
    });
    std::vector<std::uint64_t> indices;
    std::vector<std::uint64_t> seeds;
    for (auto const& each : drawn) {
        for (auto const which : each) {
            indices.push_back(which.index);
            seeds.push_back(which.seed);
        }
    }
    std::sort(indices.begin(), indices.end());
    std::sort(seeds.begin(), seeds.end());
    REQUIRE(indices.size() == threads * draws);
    CHECK(indices.front() == 0);
    CHECK(indices.back() == threads * draws - 1);
    CHECK(std::adjacent_find(indices.begin(), indices.end()) == indices.end());
    CHECK(std::adjacent_find(seeds.begin(), seeds.end()) == seeds.end());
}
