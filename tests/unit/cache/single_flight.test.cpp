// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/faulty_backend.hpp"
#include "support/process.hpp"
#include <memo/detail/cache/single_flight.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

using memo_test::at_rest;
using memo_test::code_of;

namespace {

using memo::detail::single_flight;

constexpr memo::key128 one{1, 1};
constexpr memo::key128 two{2, 1}; // the same gate

/// A leader that completes its flight on request.
std::unique_ptr<single_flight::role> lead_for_a_while(single_flight& flights) {
    // NOLINTNEXTLINE(modernize-make-unique): a role is made in place, it cannot be moved
    return std::unique_ptr<single_flight::role>(new single_flight::role(flights.join(one, one)));
}

int result_of(single_flight::role const& follower) {
    return *static_cast<int const*>(follower.result().get());
}

} // namespace

TEST_CASE("the first to join a key leads, the next one follows") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto leader = flights.join(one, one);
    CHECK(leader.leads());
    CHECK_FALSE(flights.join(one, one).leads());
    CHECK(flights.join(two, two).leads());
}

TEST_CASE("a follower gets the leader's result, even after the leader returned") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto leader = lead_for_a_while(flights);
    auto const follower = flights.join(one, one);
    leader->complete(7);
    leader.reset();
    CHECK(result_of(follower) == 7);
    CHECK(result_of(follower) == 7);
}

TEST_CASE("a follower throws what the leader's evaluation threw") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto leader = lead_for_a_while(flights);
    auto const follower = flights.join(one, one);
    leader->fail(std::make_exception_ptr(std::out_of_range("far")));
    leader.reset();
    CHECK_THROWS_AS(static_cast<void>(follower.result()), std::out_of_range);
}

TEST_CASE("a result whose copy throws is an exception of its followers, not a hang") {
    struct fragile {
        fragile() = default;
        fragile(fragile const&) { throw std::length_error("copied"); }
        fragile& operator=(fragile const&) = default;
    };
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto leader = flights.join(one, one);
    auto const follower = flights.join(one, one);
    leader.complete(fragile());
    CHECK_THROWS_AS(static_cast<void>(follower.result()), std::length_error);
}

TEST_CASE("a child does not wait for a flight of its parent, nor end it") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto before = lead_for_a_while(flights);
    CHECK(memo_test::in_process([&] {
              auto const leader = flights.join(one, one);
              bool const leads = leader.leads();
              before.reset(); // its copy in this process
              return leads && !flights.join(one, one).leads() ? 0 : 1;
          }) == 0);
}

TEST_CASE("the next caller of a completed flight's key leads") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    { auto const leader = flights.join(one, one); }
    CHECK(flights.join(one, one).leads());
}

TEST_CASE("no caller joins a flight that began before its record was invalidated") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto const nothing = [] { return false; };
    auto first = lead_for_a_while(flights);
    auto const follower_of_first = flights.join(one, one);
    shared.invalidated.invalidate(two, nothing);
    CHECK_FALSE(flights.join(one, one).leads());
    shared.invalidated.invalidate(one, nothing);
    std::thread([&] {
        auto second = flights.join(one, one);
        CHECK(second.leads());
        CHECK_FALSE(flights.try_lead(one, one).leads());
        auto const follower_of_second = flights.join(one, one);
        shared.invalidated.invalidate_all([] {});
        std::thread([&] {
            auto third = flights.join(one, one);
            CHECK(third.leads());
            second.complete(2);
            CHECK(result_of(follower_of_second) == 2);
            first->complete(1);
            CHECK(result_of(follower_of_first) == 1);
            CHECK_FALSE(flights.join(one, one).leads());
        }).join();
        CHECK(flights.join(one, one).leads());
    }).join();
}

TEST_CASE("a function that forgets its own key does not run within itself") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto const leader = flights.join(one, one);
    shared.invalidated.invalidate(one, [] { return false; });
    CHECK_FALSE(flights.join(one, one).leads());
}

TEST_CASE("a caller that waits for its own flight gets an error, not a hang") {
    memo::detail::scope_flights shared;
    single_flight& flights = shared.flights;
    auto const leader = flights.join(one, one);
    auto const follower = flights.join(one, one);
    CHECK(code_of([&] { static_cast<void>(follower.result()); }) == memo::errc::recursion);
}

TEST_CASE("a function may call itself for other arguments, a thousand deep") {
    static std::function<std::uint64_t(int)> self;
    auto fib =
        memo::memoize([](int n) -> std::uint64_t { return n < 2 ? 1 : self(n - 1) + self(n - 2); });
    self = fib;
    CHECK(fib(1000) == fib(999) + fib(998));
    auto const s = at_rest(fib);
    CHECK(s.evaluations == 1001);
    CHECK(s.misses == 1001);
    CHECK(s.coalesced == 0);
    self = nullptr;
}

TEST_CASE("a call that needs its own result is an error and leaves nothing behind") {
    static std::function<int(int)> self;
    static bool circular;
    circular = true;
    auto f = memo::memoize([](int n) { return circular ? self((n + 1) % 3) : n; });
    self = f;
    CHECK(code_of([&] { f(0); }) == memo::errc::recursion);
    for (int n = 0; n < 3; ++n) {
        CHECK_FALSE(f.contains(n));
    }
    auto const s = at_rest(f);
    CHECK(s.failures == 3);
    CHECK(s.calls == 4);
    circular = false;
    CHECK(f(0) == 0);
    self = nullptr;
}

TEST_CASE("a function may continue after the error of a call that needs its own result") {
    static std::function<int(int)> self;
    auto f = memo::memoize([](int n) {
        try {
            return self(n);
        } catch (memo::error const&) {
            return -1;
        }
    });
    self = f;
    CHECK(f(5) == -1);
    CHECK(f(5) == -1);
    CHECK(at_rest(f).hits == 1);
    self = nullptr;
}

TEST_CASE("a late leader finds a record that was stored since its first lookup") {
    // The first lookup of this backend fails, as if another caller stored just after it.
    int runs = 0;
    memo_test::faulty_backend const backend;
    auto f = memo::memoize(memo::ignore_state([&runs](int n) {
                               ++runs;
                               return n;
                           }),
                           {}, backend);
    f(1);
    backend.faults().get.only(1);
    auto const late = f.outcome(1);
    CHECK(late.value == 1);
    CHECK(late.source == memo::source::hit);
    CHECK(runs == 1);
    auto const s = at_rest(f);
    CHECK(s.hits == 1);
    CHECK(s.misses == 1);
}
