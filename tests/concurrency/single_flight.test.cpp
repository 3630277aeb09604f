// SPDX-License-Identifier: BSL-1.0

#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/faulty_backend.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using memo_test::at_rest;
using memo_test::together;
using memo_test::until_waiting;

namespace {

constexpr std::size_t callers = 16;

/// What one caller got. Exceptions are kept and looked at by one thread at the end: their reference count lies in
/// libstdc++, where the thread sanitizer does not see it.
template <class R> struct got {
    std::optional<R> value;
    std::exception_ptr exception;
};

template <class R, class F> got<R> attempt(F const& f) {
    try {
        return {f(), nullptr};
    } catch (...) {
        return {std::nullopt, std::current_exception()};
    }
}

std::optional<memo::errc> code_of(std::exception_ptr const& exception) {
    try {
        if (exception) {
            std::rethrow_exception(exception);
        }
    } catch (memo::error const& e) {
        return e.code();
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("sixteen callers of one cold key share one evaluation") {
    // The function goes on once all other callers wait, so that nobody comes too late.
    std::atomic<int> runs{0};
    auto f = memo::memoize(memo::ignore_state([&runs](int n) {
        ++runs;
        until_waiting(callers - 1);
        return std::to_string(n);
    }));
    std::array<std::optional<memo::outcome<std::string>>, callers> results;
    together(callers, [&](std::size_t i) { results[i] = f.outcome(7); });
    std::size_t computed = 0;
    for (auto const& result : results) {
        CHECK(result->value == "7");
        computed += result->source == memo::source::computed ? 1U : 0U;
        CHECK((result->source == memo::source::computed ||
               result->source == memo::source::coalesced));
    }
    CHECK(computed == 1);
    CHECK(runs == 1);
    auto const s = at_rest(f);
    CHECK(s.calls == callers);
    CHECK(s.misses == 1);
    CHECK(s.coalesced == callers - 1);
    CHECK(s.evaluations == 1);
    CHECK(s.sets == 1);
}

TEST_CASE("callers of different keys are evaluated at the same time") {
    std::barrier all_run(
        static_cast<std::ptrdiff_t>(callers)); // opens only when all evaluations are under way
    auto f = memo::memoize(memo::ignore_state([&all_run](int n) {
        all_run.arrive_and_wait();
        return n;
    }));
    std::array<int, callers> results{};
    together(callers, [&](std::size_t i) { results[i] = f(static_cast<int>(i)); });
    for (std::size_t i = 0; i < callers; ++i) {
        CHECK(results[i] == static_cast<int>(i));
    }
    auto const s = at_rest(f);
    CHECK(s.misses == callers);
    CHECK(s.coalesced == 0);
}

TEST_CASE("the leader's exception reaches every follower and nothing is stored") {
    std::atomic<int> runs{0};
    auto f = memo::memoize(memo::ignore_state([&runs](int n) {
        if (++runs == 1) {
            until_waiting(callers - 1);
            throw std::out_of_range("the leader's");
        }
        return n;
    }));
    std::array<got<int>, callers> results;
    together(callers, [&](std::size_t i) { results[i] = attempt<int>([&] { return f(7); }); });
    for (auto const& result : results) {
        CHECK_FALSE(result.value.has_value());
        REQUIRE(result.exception);
        CHECK_THROWS_WITH(std::rethrow_exception(result.exception), "the leader's");
        CHECK_THROWS_AS(std::rethrow_exception(result.exception), std::out_of_range);
    }
    CHECK(runs == 1);
    CHECK_FALSE(f.contains(7));
    CHECK(f(7) == 7);
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.failures == 1);
    CHECK(s.evaluations == 1);
    CHECK(s.misses == 2);
    CHECK(s.coalesced == callers - 1);
}

TEST_CASE("who calls after a drop is not given what was begun before it") {
    std::atomic<int> world{1};
    std::latch first_runs(1);
    std::latch first_may_return(1);
    auto f = memo::memoize(memo::ignore_state([&](int) {
        int const seen = world;
        if (seen == 1) {
            first_runs.count_down();
            first_may_return.wait();
        }
        return seen;
    }));
    std::array<int, 2> before{};
    std::optional<memo::outcome<int>> after;
    together(3, [&](std::size_t i) {
        if (i == 0) {
            before[0] = f(7);
            return;
        }
        first_runs.wait();
        if (i == 1) {
            before[1] = f(7);
            return;
        }
        until_waiting(1);
        world = 2;
        f.clear();
        after = f.outcome(7);
        first_may_return.count_down();
    });
    CHECK(before == std::array{1, 1});
    CHECK(after->value == 2);
    CHECK(after->source == memo::source::computed);
    CHECK(f(7) == 2);
    auto const s = at_rest(f);
    CHECK(s.evaluations == 2);
    CHECK(s.coalesced == 1);
    CHECK(s.sets == 1);
}

TEST_CASE("the failure of a leader's second look reaches its followers") {
    // The leader stays in its second look until the follower has boarded.
    memo_test::faulty_backend const backend;
    auto f = memo::memoize([](int n) { return n; }, {.on_error = memo::strict}, backend);
    std::latch leader_looks(1);
    backend.faults().get.before_failure([&leader_looks] {
        leader_looks.count_down();
        until_waiting(1);
    });
    backend.faults().get.only(2);
    std::array<got<int>, 2> results;
    together(2, [&](std::size_t i) {
        if (i == 1) {
            leader_looks.wait();
        }
        results[i] = attempt<int>([&] { return f(7); });
    });
    for (auto const& result : results) {
        CHECK(code_of(result.exception) == memo::errc::backend);
    }
    CHECK(f(7) == 7);
    at_rest(f);
}

TEST_CASE("a circle of evaluations in two threads is an error, not a hang") {
    static std::function<int(int)> self;
    static std::atomic<bool> circular;
    circular = true;
    std::barrier both_run(2);
    auto f = memo::memoize(memo::ignore_state([&both_run](int n) {
        if (!circular) {
            return n;
        }
        both_run.arrive_and_wait(); // now each is the leader of its own key
        return self(1 - n);
    }));
    self = f;
    std::array<got<int>, 2> results;
    together(2, [&](std::size_t i) {
        results[i] = attempt<int>([&] { return f(static_cast<int>(i)); });
    });
    for (auto const& result : results) {
        CHECK(code_of(result.exception) == memo::errc::recursion);
    }
    CHECK_FALSE(f.contains(0));
    CHECK_FALSE(f.contains(1));
    auto const s = at_rest(f);
    CHECK(s.calls == 4);
    CHECK(s.failures == 2);
    circular = false;
    CHECK(f(0) == 0);
    CHECK(f(1) == 1);
    self = nullptr;
}

TEST_CASE("a circle through two functions and three threads is an error, not a hang") {
    static std::function<int(int)> next;
    static std::function<int(int)> other;
    std::barrier all_run(3);
    auto f = memo::memoize(memo::ignore_state([&all_run](int n) {
        all_run.arrive_and_wait();
        return n == 0 ? next(1) : other(2);
    }));
    auto g = memo::memoize(memo::ignore_state([&all_run](int) {
        all_run.arrive_and_wait();
        return next(0);
    }));
    next = f;
    other = g;
    std::array<got<int>, 3> results;
    together(3, [&](std::size_t i) {
        results[i] = attempt<int>([&] { return i < 2 ? f(static_cast<int>(i)) : g(2); });
    });
    for (auto const& result : results) {
        CHECK(code_of(result.exception) == memo::errc::recursion);
    }
    at_rest(f);
    at_rest(g);
    next = nullptr;
    other = nullptr;
}

TEST_CASE("threads that storm a few keys never see a wrong value") {
    std::atomic<std::uint64_t> runs{0};
    auto f = memo::memoize(memo::ignore_state([&runs](int n) {
        ++runs;
        return std::to_string(n);
    }));
    std::atomic<bool> wrong{false};
    together(8, [&](std::size_t i) {
        for (int round = 0; round < 2000; ++round) {
            int const n = (round * 7 + static_cast<int>(i)) % 5;
            if (f(n) != std::to_string(n)) {
                wrong = true;
            }
            if (round % 16 == 0) {
                f.forget(n);
            }
        }
    });
    CHECK_FALSE(wrong);
    auto const s = at_rest(f);
    CHECK(s.calls == 16000);
    CHECK(s.evaluations == runs);
    CHECK(s.misses == runs);
}
