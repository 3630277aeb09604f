// SPDX-License-Identifier: BSL-1.0

#include "support/crew.hpp"
#include <memo/detail/stats/counters.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <barrier>
#include <cstddef>
#include <cstdint>

TEST_CASE("no call is lost, even with more threads than counter slots") {
    constexpr std::size_t threads = memo::detail::no_place + 12;
    constexpr std::size_t calls = 200;
    auto const f = memo::memoize([](std::size_t x) { return 2 * x; }, {.name = "counters"});
    std::barrier all_are_here(static_cast<std::ptrdiff_t>(threads));
    memo_test::together(threads, [&](std::size_t number) {
        static_cast<void>(f(number)); // takes the thread's place
        all_are_here.arrive_and_wait();
        for (std::size_t i = 1; i < calls; ++i) {
            static_cast<void>(f((number + i) % threads));
        }
        all_are_here.arrive_and_wait(); // and nobody has it again before all have called
    });
    auto const s = f.stats();
    CHECK(s.calls == threads * calls);
    CHECK(s.evaluations == threads);
    CHECK(s.misses == threads);
    CHECK(s.sets == threads);
    CHECK(s.calls == s.hits + s.misses + s.refinements + s.coalesced);
}
