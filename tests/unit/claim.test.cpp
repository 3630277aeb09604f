// SPDX-License-Identifier: BSL-1.0

// Claims: calls that never wait.

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/faulty_backend.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using memo::claim_state;
using memo_test::at_rest;
using memo_test::code_of;

namespace {

auto doubled(std::atomic<int>& runs) {
    return memo::ignore_state([&runs](int x) {
        ++runs;
        if (x < 0) {
            throw std::domain_error("negative");
        }
        return 2 * x;
    });
}

class model {
  public:
    model() = default;
    model(model const&) = default;
    model(model&&) = default;
    model& operator=(model const&) = default;
    model& operator=(model&&) = default;
    virtual ~model() = default;
    [[nodiscard]] virtual int score(int x) const { return x; }
};

class forest : public model {
  public:
    [[nodiscard]] int score(int x) const override { return 2 * x; }
};

} // namespace

TEST_CASE("a claim is a hit, or runs, or is busy") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs));
    f(1);
    auto hit = f.try_claim(1);
    CHECK(hit.state() == claim_state::hit);
    CHECK(hit.value() == 2);
    CHECK(hit.run() == 2);
    auto mine = f.try_claim(2);
    CHECK(mine.state() == claim_state::claimed);
    CHECK(code_of([&] { static_cast<void>(mine.value()); }) == memo::errc::configuration);
    auto other = f.try_claim(2);
    CHECK(other.state() == claim_state::busy);
    CHECK(code_of([&] { other.run(); }) == memo::errc::configuration);
    CHECK(mine.run() == 4);
    CHECK(mine.run() == 4);
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.hits == 1);
    CHECK(s.misses == 2);
    CHECK(s.sets == 2);
}

TEST_CASE("callers wait for a claim, and one of them leads when it is given up") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs));
    for (bool const is_run : {true, false}) {
        int const x = is_run ? 10 : 11;
        std::vector<std::thread> callers;
        std::atomic<int> right{0};
        {
            auto mine = f.try_claim(x);
            for (int i = 0; i < 3; ++i) {
                callers.emplace_back([&] { right += f(x) == 2 * x ? 1 : 0; });
            }
            memo_test::until_waiting(3);
            if (is_run) {
                mine.run();
            }
        }
        for (auto& each : callers) {
            each.join();
        }
        CHECK(right == 3);
    }
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.calls == 7);
}

TEST_CASE("no counter decreases while a caller waits and then leads") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs));
    std::thread caller;
    {
        auto const mine = f.try_claim(1);
        caller = std::thread([&f] { f(1); });
        memo_test::until_waiting(1);
        CHECK(f.stats().calls == 0);
        f.reset_stats();
    }
    caller.join();
    auto const s = at_rest(f);
    CHECK(s.calls == 1);
    CHECK(s.misses == 1);
    CHECK(s.coalesced == 0);
}

TEST_CASE("an exception of a claimed run reaches its holder and all waiting callers") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs));
    auto mine = f.try_claim(-1);
    std::atomic<bool> was_told{false};
    std::thread caller([&] {
        try {
            f(-1);
        } catch (std::domain_error const&) {
            was_told = true;
        }
    });
    memo_test::until_waiting(1);
    CHECK_THROWS_AS(mine.run(), std::domain_error);
    caller.join();
    CHECK(was_told);
    CHECK(mine.state() == claim_state::busy);
    CHECK(runs == 1);
    CHECK(f.try_claim(-1).state() == claim_state::claimed);
    at_rest(f);
}

TEST_CASE("a holder of a claim that calls the same key gets an error, not a hang") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs));
    auto const mine = f.try_claim(1);
    CHECK(code_of([&] { f(1); }) == memo::errc::recursion);
    CHECK(mine.state() == claim_state::claimed);
}

TEST_CASE("a claim keeps its own copy of the arguments") {
    auto const f = memo::memoize(
        [](std::string const& a, std::unique_ptr<int> b) { return a + std::to_string(*b); });
    auto const make = [&] {
        std::string text = "text of more characters than a string holds in itself ";
        return f.try_claim(text, std::make_unique<int>(7));
    };
    auto mine = make();
    CHECK(mine.run() == "text of more characters than a string holds in itself 7");
}

TEST_CASE("a claim owns a copy of a view's target") {
    auto const f = memo::memoize([](std::span<double const> any, std::span<int const, 3> three,
                                    std::string_view text, std::span<bool const> const& flags) {
        return std::accumulate(any.begin(), any.end(), 0.0) + three[0] + three[2] +
               static_cast<double>(text.size() + text.find('c')) +
               static_cast<double>(std::ranges::count(flags, true));
    });
    std::vector<double> any{1, 2, 3};
    std::array<int, 3> three{10, 20, 30};
    auto flags = std::to_array({true, false, true});
    auto mine = f.try_claim(any, three, std::string("abc"), flags); // the string is gone now
    any = {100, 200, 300};
    three = {0, 0, 0};
    flags = {false, false, false};
    CHECK(mine.run() == 53);
    CHECK(f({{1, 2, 3}}, std::to_array({10, 20, 30}), "abc", std::to_array({true, false, true})) ==
          53);
    CHECK(f(any, three, "abc", flags) == 605);
}

TEST_CASE("a claim owns a copy of the target of a wrapped view") {
    using memo::as_set;
    using memo::ignored;
    auto const f = memo::memoize(
        [](as_set<std::span<int const>> const& values, ignored<std::string_view> text) {
            return std::string(text.get()) + std::to_string(values.get().front());
        });
    std::vector<int> values{3, 1};
    auto mine = f.try_claim(std::span<int const>(values), std::string("first is "));
    values = {4, 4};
    CHECK(mine.run() == "first is 3");
}

TEST_CASE("a claim writes to the caller's own output argument") {
    auto const f = memo::memoize<memo::memory, memo::ignore<1, 2>>(
        [](int x, int& count, std::span<int> const& written,
           memo::ignored<std::span<int>> const& too) {
            ++count;
            std::ranges::fill(written, x);
            std::ranges::fill(too.get(), x);
            return x;
        });
    int count = 0;
    std::vector<int> written{1, 2};
    std::vector<int> too{3};
    auto mine = f.try_claim(7, count, written, std::span(too));
    CHECK(mine.run() == 7);
    CHECK(count == 1);
    CHECK(written == std::vector{7, 7});
    CHECK(too == std::vector{7});
}

TEST_CASE("a claim's views serve each sample of a mean, and an explanation") {
    auto const text = [] { return std::string("ab"); };
    auto const mean = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([](std::string_view what) { return static_cast<double>(what.size()); }),
        {.rtol_stderr = 0, .min_repetitions = 3, .max_repetitions = 3});
    CHECK(mean.try_claim(text()).run() == 2);
    auto const replay =
        memo::memoize([](std::string_view what) { return what.size(); }, {.on_miss = memo::fail});
    auto missed = replay.try_claim(text());
    CHECK(code_of([&] { missed.run(); }) == memo::errc::miss);
}

TEST_CASE("a claim that would slice its argument is refused") {
    auto const f = memo::memoize<memo::memory, memo::ignore<1>>(
        [](int x, model const& how) { return how.score(x); });
    auto const g = memo::memoize<memo::memory, memo::ignore<1>>(
        [](int x, model&& how) { return std::move(how).score(x); });
    CHECK(code_of([&] { static_cast<void>(f.try_claim(1, forest())); }) == memo::errc::argument);
    CHECK(code_of([&] { static_cast<void>(g.try_claim(1, forest())); }) == memo::errc::argument);
    CHECK(f(1, forest()) == 2);
    CHECK(f.try_claim(2, model()).run() == 2);
    CHECK(g.try_claim(2, model()).run() == 2);
    auto const shared = memo::memoize<memo::memory, memo::ignore<1>>(
        [](int x, std::shared_ptr<model const> const& how) { return how->score(x); });
    CHECK(shared.try_claim(1, std::make_shared<forest const>()).run() == 2);
}

TEST_CASE("a record stored between a claim's lookup and its right is not computed again") {
    memo_test::faulty_backend const backend;
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs), {.single_flight = false}, backend);
    backend.faults().get.before_failure([&] { f(1); }); // as another caller would
    backend.faults().get.only(1);
    auto mine = f.try_claim(1);
    CHECK(mine.state() == claim_state::claimed);
    CHECK(mine.run() == 2);
    CHECK(runs == 1);
    at_rest(f);
}

TEST_CASE("workers with claims evaluate each call once and do not wait") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(doubled(runs), {.single_flight = false});
    memo_test::together(4, [&](std::size_t worker) {
        std::vector<int> left;
        for (int i = 0; i < 300; ++i) {
            left.push_back(static_cast<int>(worker) * 75 + i);
        }
        while (!left.empty()) {
            std::vector<int> busy;
            for (int const x : left) {
                auto claim = f.try_claim(x % 300);
                if (claim.state() == claim_state::busy) {
                    busy.push_back(x);
                } else if (claim.run() != 2 * (x % 300)) {
                    ++runs;
                }
            }
            left.swap(busy);
        }
    });
    CHECK(runs == 300);
    CHECK(at_rest(f).evaluations == 300);
}

TEST_CASE("a claim whose state changed returns its value and does not store it") {
    int state = 1;
    int runs = 0;
    std::function<void()> meanwhile = [] {};
    auto const f = memo::memoize(memo::keyed_by(
        [&](int x) {
            ++runs;
            int const seen = state;
            std::exchange(meanwhile, [] {})();
            return 100 * seen + x;
        },
        [&state] { return state; }));
    {
        auto claim = f.try_claim(5);
        state = 2; // of which the claim's key knows nothing
        CHECK(claim.run() == 205);
        CHECK(claim.value() == 205);
    }
    CHECK_FALSE(f.contains(5));
    state = 1;
    CHECK_FALSE(f.contains(5));
    CHECK(f(5) == 105);
    CHECK(f.contains(5));
    meanwhile = [&state] { state = 2; };
    CHECK(f(6) == 106);
    CHECK_FALSE(f.contains(6));
    state = 1;
    CHECK_FALSE(f.contains(6));
    auto const later = [&](std::function<void()> const& task) {
        state = 3;
        task();
    };
    CHECK(f.many({7}, later)[0].value() == 307);
    state = 1;
    CHECK_FALSE(f.contains(7));
    CHECK(runs == 4);
    CHECK(at_rest(f).rejected == 3);

    auto const mean = memo::memoize<memo::memory, memo::averaged>(
        memo::keyed_by([&](int x) { return 100.0 * state + x; }, [&state] { return state; }));
    CHECK(mean(5) == 105);
    auto claim = mean.try_claim(5);
    state = 2;
    CHECK(claim.run() == 155); // of both samples, and the record has one
    state = 1;
    CHECK(mean.lookup(5) == 105.0);
    CHECK(at_rest(mean).sets == 1);
}

TEST_CASE("a claim of an averaged function draws as a call does") {
    std::atomic<int> drawn{0};
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](double x, memo::replicate which) {
            return x + (++drawn % 2) + 0 * static_cast<double>(which.index);
        }),
        {.rtol_stderr = 0, .min_repetitions = 2, .max_repetitions = 3});
    for (int i = 0; i < 3; ++i) {
        auto mine = f.try_claim(5.0);
        REQUIRE(mine.state() == claim_state::claimed);
        mine.run();
    }
    CHECK(f.try_claim(5.0).state() == claim_state::hit);
    CHECK(drawn == 3);
    auto const s = at_rest(f);
    CHECK(s.misses == 1);
    CHECK(s.refinements == 2);
    CHECK(s.hits == 1);
}

TEST_CASE("a claim on the backend none still excludes other callers") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize<memo::none>(doubled(runs));
    auto mine = f.try_claim(1);
    CHECK(f.try_claim(1).state() == claim_state::busy);
    CHECK(mine.run() == 2);
    CHECK(f.try_claim(1).run() == 2);
    CHECK(runs == 2);
}
