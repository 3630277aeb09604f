// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;

namespace {

/// One function, whether it may run or not.
auto doubling(memo::memory const& store, int& runs, memo::on_miss_policy on_miss) {
    return memo::memoize<memo::memory>(memo::ignore_state([&runs](int x) {
                                           ++runs;
                                           return 2 * x;
                                       }),
                                       {.name = "replay/double", .on_miss = on_miss}, store);
}

auto averaging(memo::memory const& store, int& runs, memo::on_miss_policy on_miss) {
    return memo::memoize<memo::memory, memo::averaged>(memo::ignore_state([&runs](int x) {
                                                           ++runs;
                                                           return x + 0.01 * (runs % 2);
                                                       }),
                                                       {.on_miss = on_miss}, store);
}

template <class Call> std::string text_of(Call const& call) {
    try {
        call();
    } catch (memo::error const& thrown) {
        return thrown.what();
    }
    return "";
}

} // namespace

TEST_CASE("a replay serves stored results, and names a call without one") {
    memo::memory const store;
    int runs = 0;
    doubling(store, runs, memo::compute)(21);
    auto const f = doubling(store, runs, memo::fail);
    CHECK(f(21) == 42);
    CHECK(f.outcome(21).source == memo::source::hit);
    CHECK(code_of([&] { f(22); }) == memo::errc::miss);
    CHECK(code_of([&] { static_cast<void>(f.outcome(22)); }) == memo::errc::miss);
    std::string const text = text_of([&] { f(22); });
    CHECK(text.find("memo: replay " + to_string(f.key(22)) + ": ") == 0);
    CHECK(text.find("\n" + to_string(f.explain(22))) != std::string::npos);
    CHECK(text.find("name      replay/double") != std::string::npos);
    CHECK_FALSE(f.lookup(22)); // asks, and does not insist
    CHECK(runs == 1);
    auto const s = at_rest(f);
    CHECK(s.hits == 2);
    CHECK(s.misses == 3);
    CHECK(s.evaluations == 0);
    CHECK(s.failures == 0);

    doubling(store, runs, memo::compute)(22);
    CHECK(f(22) == 44); // no flight is left behind
}

TEST_CASE("a replay of many calls returns a value or an error for each") {
    memo::memory const store;
    int runs = 0;
    doubling(store, runs, memo::compute)(2);
    auto const f = doubling(store, runs, memo::fail);
    auto const results = f.many(std::vector{1, 2, 3, 1});
    CHECK(results[1].value() == 4);
    for (std::size_t const missing : {0U, 2U, 3U}) {
        CHECK(code_of([&] { static_cast<void>(results[missing].value()); }) == memo::errc::miss);
    }
    auto claim = f.try_claim(1);
    CHECK(claim.state() == memo::claim_state::claimed);
    CHECK(code_of([&] { claim.run(); }) == memo::errc::miss);
    CHECK(f.try_claim(2).run() == 4);
    CHECK(runs == 1);
    static_cast<void>(at_rest(f));
}

TEST_CASE("an unsettled mean is a miss of a replay") {
    memo::memory const store;
    int runs = 0;
    auto const first = averaging(store, runs, memo::compute);
    static_cast<void>(first(5));
    auto const f = averaging(store, runs, memo::fail);
    CHECK(first.key(5) == f.key(5));
    CHECK(code_of([&] { static_cast<void>(f(5)); }) == memo::errc::miss);
    CHECK(at_rest(f).misses_unsettled == 1);
    CHECK(f.stats().refinements == 0);
    CHECK(f.lookup(5).has_value());
    static_cast<void>(first(5));
    static_cast<void>(first(5));
    CHECK(f.estimate(5).settled);
    CHECK(code_of([&] { static_cast<void>(f.refine(5, {.min_repetitions = 10})); }) ==
          memo::errc::miss);
    CHECK(runs == 3);
}

TEST_CASE("all threads that miss one key in a replay get the error") {
    memo::memory const store;
    int runs = 0;
    auto const f = doubling(store, runs, memo::fail);
    memo_test::together(4, [&](std::size_t) {
        for (int i = 0; i < 50; ++i) {
            if (code_of([&] { f(i); }) != memo::errc::miss) {
                throw std::logic_error("no miss"); // ends the test
            }
        }
    });
    CHECK(at_rest(f).calls == 200);
    CHECK(at_rest(f).hits == 0);
    CHECK(runs == 0);
}

TEST_CASE("a replay with audits is refused") {
    CHECK(code_of([] {
              static_cast<void>(
                  memo::memoize([](int x) { return x; }, {.on_miss = memo::fail, .audit = 0.1}));
          }) == memo::errc::configuration);
}
