// SPDX-License-Identifier: BSL-1.0

#include "support/crew.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>

TEST_CASE("a report during wrapping, calls and ends of functions loses no call") {
    constexpr std::size_t makers = 3;
    std::atomic<std::size_t> at_work{makers};
    auto const shared = memo::memoize([](int x) { return x + 0.5; }, {.name = "concurrent/shared"});
    memo_test::together(makers + 1, [&](std::size_t number) {
        if (number == makers) {
            while (at_work != 0) {
                std::ostringstream out;
                memo::stats_report(out);
            }
            return;
        }
        for (int i = 0; i < 100; ++i) {
            auto const own = memo::memoize([](int x) { return 2 * x; }, {.name = "concurrent/own"});
            for (int x = 0; x < 20; ++x) {
                own(x % 4);
                static_cast<void>(shared(x));
            }
            shared.reset_stats();
        }
        --at_work;
    });
    std::map<std::string, memo::detail::function_totals> accounts;
    for (auto const& [title, sum] :
         memo::detail::process_wide<memo::detail::function_registry>().all()) {
        accounts[title] = sum;
    }
    auto const& own = accounts.at("concurrent/own").counted;
    CHECK(own.calls == makers * 100 * 20);
    CHECK(own.hits == makers * 100 * 16);
    CHECK(own.evaluations == makers * 100 * 4);
    CHECK(accounts.at("concurrent/shared").counted.calls == shared.stats().calls);
}
