// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
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
using memo_test::code_of;
using memo_test::exception_of;
using memo_test::together;
using memo_test::until_waiting;

namespace {

constexpr std::size_t callers = 16;

/// The result of one caller.
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

} // namespace

TEST_CASE("sixteen callers of one cold key share one evaluation") {
    // The function continues once all other callers wait, so that none comes too late.
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

TEST_CASE("a call after forget() does not return an evaluation that began before it") {
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

TEST_CASE("a failed second lookup throws to the leader alone, and a follower leads next") {
    // The leader stays in its second lookup until the follower has joined.
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
    CHECK(code_of(results[0].exception) == memo::errc::backend);
    CHECK(results[1].value == 7);
    at_rest(f);
}

namespace {

/// One function with several wrappers on one store, each with its own options.
template <class Backend = memo::memory> class wrapped_again {
  public:
    using options = memo::options<int>;
    explicit wrapped_again(std::function<int(int)> run) : run_(std::move(run)) {}

    [[nodiscard]] auto operator()(options chosen = {}, Backend const& backend = {}) const {
        chosen.name = "wrapped again";
        return memo::memoize<Backend>(memo::ignore_state([run = run_](int n) { return run(n); }),
                                      chosen, backend);
    }

  private:
    std::function<int(int)> run_;
};

/// Runs a wrapper that leads a call of 7, and one that follows it. The leader's function continues once the
/// follower waits or has returned.
template <class Lead, class Follow>
void led_and_followed(std::latch& runs, Lead lead, Follow follow) {
    together(2, [&](std::size_t i) {
        if (i == 0) {
            lead();
        } else {
            runs.wait();
            follow();
        }
    });
}

} // namespace

TEST_CASE("eight wrappers of one function on one store share one evaluation") {
    std::atomic<int> runs{0};
    wrapped_again const wrap([&runs](int n) {
        ++runs;
        until_waiting(7);
        return 2 * n;
    });
    memo::memory const store;
    std::array<memo::statistics, 8> counted;
    std::atomic<int> right{0};
    together(8, [&](std::size_t i) {
        auto const f = wrap({}, store);
        right += f(21) == 42 ? 1 : 0;
        counted[i] = f.stats();
    });
    memo::statistics sum;
    for (auto const& each : counted) {
        sum += each;
    }
    CHECK(right == 8);
    CHECK(runs == 1);
    CHECK(sum.calls == 8);
    CHECK(sum.hits == 0);
    CHECK(sum.misses == 1);
    CHECK(sum.coalesced == 7);
}

TEST_CASE("wrappers on separate stores do not share evaluations") {
    std::barrier both_run(2);
    wrapped_again const wrap([&](int n) {
        both_run.arrive_and_wait();
        return n;
    });
    std::atomic<int> computed{0};
    together(2, [&](std::size_t) {
        auto const f = wrap();
        computed += f.outcome(7).source == memo::source::computed ? 1 : 0;
    });
    CHECK(computed == 2);
}

TEST_CASE("a record that one wrapper forgets is not stored by another that evaluates it") {
    for (bool const all : {false, true}) {
        memo::memory const store;
        std::function<void()> meanwhile = [] {};
        wrapped_again const wrap([&](int n) {
            std::exchange(meanwhile, [] {})();
            return n;
        });
        auto const f = wrap({}, store);
        auto const other = wrap({.single_flight = false}, store);
        meanwhile = [&] {
            if (all) {
                other.clear();
            } else {
                other.forget(7);
            }
        };
        CHECK(f(7) == 7);
        CHECK_FALSE(f.contains(7));
        CHECK(at_rest(f).sets == 0);
        CHECK(f(7) == 7);
        CHECK(other.contains(7));
    }
}

TEST_CASE(
    "a call after another wrapper's forget() does not return an evaluation that began before it") {
    std::atomic<int> world{1};
    std::latch first_runs(1);
    std::latch first_may_return(1);
    wrapped_again const wrap([&](int) {
        int const seen = world;
        if (seen == 1) {
            first_runs.count_down();
            first_may_return.wait();
        }
        return seen;
    });
    memo::memory const store;
    int before = 0;
    int after = 0;
    led_and_followed(
        first_runs, [&] { before = wrap({}, store)(7); },
        [&] {
            world = 2;
            wrap({}, store).forget(7);
            after = wrap({}, store)(7);
            first_may_return.count_down();
        });
    CHECK(before == 1);
    CHECK(after == 2);
    CHECK(wrap({}, store).lookup(7) == 2);
}

TEST_CASE("a call that needs its own result through another wrapper is an error, not a hang") {
    memo::memory const store;
    std::function<int(int)> self;
    wrapped_again const wrap([&](int n) { return self(n); });
    auto const f = wrap({}, store);
    self = wrap({}, store);
    CHECK(code_of([&] { return f(7); }) == memo::errc::recursion);
    self = [&](int n) { return n == 0 ? 0 : wrap({}, store)(n - 1) + 1; };
    CHECK(f(20) == 20);
    auto const claim = f.try_claim(30);
    CHECK(claim.state() == memo::claim_state::claimed);
    CHECK(wrap({}, store).try_claim(30).state() == memo::claim_state::busy);
    CHECK(code_of([&] { return wrap({}, store)(30); }) == memo::errc::recursion);
}

TEST_CASE("a replay's miss does not join the flights of wrappers that compute") {
    memo::memory const store;
    std::latch runs(1);
    std::latch may_return(1);
    wrapped_again const wrap([&](int n) {
        runs.count_down();
        may_return.wait();
        return n;
    });
    auto const replay = wrap({.on_miss = memo::fail}, store);
    auto const f = wrap({}, store);
    std::optional<int> value;
    std::exception_ptr missed;
    led_and_followed(
        runs, [&] { value = f(7); },
        [&] {
            missed = exception_of([&] { return replay(7); }); // does not wait
            may_return.count_down();
        });
    CHECK(value == 7);
    CHECK(code_of(missed) == memo::errc::miss);
    CHECK(replay(7) == 7);
    auto refused = replay.try_claim(8);
    CHECK(refused.state() == memo::claim_state::claimed);
    CHECK(f.try_claim(8).state() == memo::claim_state::claimed); // nothing is kept from who may run
    CHECK(code_of([&] { return refused.run(); }) == memo::errc::miss);
    CHECK(at_rest(replay).coalesced == 0);
}

TEST_CASE("a strict wrapper's backend failure does not reach a wrapper that degrades") {
    // Without an identity, so that a test can set that of the memory store.
    struct identified : memo_test::faulty_backend {
        [[nodiscard]] memo::key128 identity() const {
            return {reinterpret_cast<std::uintptr_t>(&faults()), 1};
        }
    };
    identified const backend;
    std::latch leader_looks(1);
    backend.faults().get.before_failure([&leader_looks] {
        leader_looks.count_down();
        until_waiting(1);
    });
    wrapped_again<identified> const wrap([](int n) { return n; });
    auto const strict = wrap({.on_error = memo::strict}, backend);
    auto const degrades = wrap({}, backend);
    backend.faults().get.only(2);
    std::exception_ptr failed;
    int value = 0;
    led_and_followed(
        leader_looks, [&] { failed = exception_of([&] { return strict(7); }); },
        [&] { value = degrades(7); });
    CHECK(code_of(failed) == memo::errc::backend);
    CHECK(value == 7);
}

TEST_CASE("an exception of a leader's store_if does not reach its followers") {
    memo::memory const store;
    std::latch runs(1);
    std::atomic<int> count{0};
    wrapped_again const wrap([&](int n) {
        if (++count == 1) {
            runs.count_down();
            until_waiting(1);
        }
        return n;
    });
    auto const throws =
        wrap({.store_if = [](int) -> bool { throw std::logic_error("store_if"); }}, store);
    auto const f = wrap({}, store);
    std::exception_ptr thrown;
    int value = 0;
    led_and_followed(
        runs, [&] { thrown = exception_of([&] { return throws(7); }); }, [&] { value = f(7); });
    CHECK_THROWS_WITH(std::rethrow_exception(thrown), "store_if");
    CHECK(value == 7);
    CHECK(count == 2);
    CHECK(f.contains(7));
}

TEST_CASE("a result that its leader does not store serves the followers") {
    memo::memory const store;
    std::latch runs(1);
    std::atomic<int> count{0};
    wrapped_again const wrap([&](int n) {
        if (++count == 1) {
            runs.count_down();
            until_waiting(1);
        }
        return n;
    });
    auto const refuses = wrap({.store_if = [](int) { return false; }}, store);
    auto const f = wrap({}, store);
    memo::outcome<int> followed{};
    led_and_followed(
        runs, [&] { refuses(7); }, [&] { followed = f.outcome(7); });
    CHECK(followed.value == 7);
    CHECK(followed.source == memo::source::coalesced);
    CHECK_FALSE(f.contains(7));
    CHECK(count == 1);
}

TEST_CASE("a follower continues if its leader's mean does not meet its own rule") {
    memo::memory const store;
    std::latch runs(1);
    std::atomic<int> count{0};
    auto const wrap = [&](memo::averaged_options<double> chosen) {
        chosen.name = "averaged again";
        return memo::memoize<memo::memory, memo::averaged>(memo::ignore_state([&](int n) {
                                                               if (++count == 1) {
                                                                   runs.count_down();
                                                                   until_waiting(1);
                                                               }
                                                               return n + 0.5;
                                                           }),
                                                           chosen, store);
    };
    auto const draws_once = wrap({.min_repetitions = 3});
    auto const settles = wrap({.min_repetitions = 5, .repeat = memo::until_settled});
    double mean = 0;
    led_and_followed(
        runs, [&] { draws_once(7); }, [&] { mean = settles(7); });
    CHECK(mean == 7.5);
    CHECK(settles.estimate(7).count == 5);
    CHECK(count == 5);
    auto const s = at_rest(settles);
    CHECK(s.refinements == 1);
    CHECK(s.coalesced == 0);
}

TEST_CASE("a follower whose leader refused its sample draws one itself") {
    memo::memory const store;
    std::latch runs(1);
    std::atomic<int> count{0};
    auto const wrap = [&](memo::averaged_options<double> chosen) {
        chosen.name = "refused again";
        return memo::memoize<memo::memory, memo::averaged>(memo::ignore_state([&](int n) {
                                                               if (++count == 1) {
                                                                   runs.count_down();
                                                                   until_waiting(1);
                                                               }
                                                               return n + 0.5;
                                                           }),
                                                           chosen, store);
    };
    auto const refuses = wrap({.store_if = [](double) { return false; }});
    auto const takes = wrap({});
    double mean = 0;
    double none = 0;
    led_and_followed(
        runs, [&] { none = refuses(7); }, [&] { mean = takes(7); });
    CHECK(none != none); // NaN: it has none
    CHECK(mean == 7.5);
    CHECK(count == 2);
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

TEST_CASE("an evaluation that began before forget() is never found after it") {
    std::atomic<int> world{0};
    wrapped_again const wrap([&world](int) { return world.load(); });
    memo::memory const store;
    std::atomic<bool> stop{false};
    std::atomic<int> stale{0};
    together(3, [&](std::size_t i) {
        auto const f = wrap({.single_flight = i == 1}, store);
        for (int round = 1; i == 0 && round <= 20'000; ++round) {
            world = round;
            f.forget(7);
            if (auto const found = f.lookup(7)) {
                stale += *found < round ? 1 : 0;
            }
        }
        stop = stop || i == 0;
        while (!stop) {
            f(7);
        }
    });
    CHECK(stale == 0);
}

TEST_CASE("many threads on a few keys never see a wrong value") {
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
