// SPDX-License-Identifier: BSL-1.0

// Leases: one of all processes and machines computes a key. Two handles whose settings write the server
// in two ways share only the server, like two machines.

#include "support/child_process.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/fresh_memcached.hpp"
#include "support/keys.hpp"
#include "support/memcached_client.hpp"
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

using memo::claim_state;
using memo_test::child_process;
using memo_test::key_of;
using memo_test::memcached_client;
using namespace std::chrono_literals;

namespace {

using backends = std::tuple<memo::memcached, memo::libmemcached>;

constexpr memo::key128 scope{43, 44};

memo::memcached_settings leased(std::chrono::seconds lease = 60s) {
    auto chosen = memo_test::fresh_memcached_settings();
    chosen.lease = lease;
    return chosen;
}

/// The settings of another machine: for this process another store with separate flights.
memo::memcached_settings elsewhere(memo::memcached_settings chosen) {
    std::string& server = chosen.servers.front();
    server.insert(server.find(':') + 1, "0"); // of the port
    return chosen;
}

/// Doubles a number and counts its runs.
template <class Backend> auto doubled(std::atomic<int>& runs, Backend backend) {
    return memo::memoize(
        memo::ignore_state([&runs](int x) {
            ++runs;
            return 2 * x;
        }),
        {.name = std::string("leased on ") + typeid(Backend).name(), .version = "1"},
        std::move(backend));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("other machines wait for the record of the lease's holder", "", backends) {
    auto const settings = leased();
    TestType const there(elsewhere(settings));
    std::atomic<int> runs{0};
    auto const here = doubled(runs, TestType(settings));
    auto const other = doubled(runs, there);
    std::thread waiting;
    std::atomic<int> got{0};
    {
        auto mine = here.try_claim(1);
        REQUIRE(mine.state() == claim_state::claimed);
        CHECK(other.try_claim(1).state() == claim_state::busy);
        waiting = std::thread([&] { got = other(1); });
        memo_test::until([&] { return there.wire().lease_waits == 1; });
        CHECK(mine.run() == 2);
    }
    waiting.join();
    CHECK(got == 2);
    CHECK(runs == 1);
    CHECK(memo_test::at_rest(other).hits == 1);
    CHECK(there.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("a lease that is given up goes to a waiter", "", backends) {
    auto const settings = leased();
    TestType const there(elsewhere(settings));
    std::atomic<int> runs{0};
    auto const here = doubled(runs, TestType(settings));
    auto const other = doubled(runs, there);
    std::thread waiting;
    std::atomic<int> got{0};
    {
        auto const mine = here.try_claim(1);
        waiting = std::thread([&] { got = other(1); });
        memo_test::until([&] { return there.wire().lease_waits == 1; });
    }
    waiting.join();
    CHECK(got == 2);
    CHECK(runs == 1);
    CHECK(here.try_claim(1).state() == claim_state::hit);
    CHECK(here.try_claim(2).run() == 4); // an end of a lease leaves nothing behind
    CHECK(other.try_claim(3).run() == 6);
}

TEST_CASE("the near tier elects the leader while the far tier is unreachable") {
    std::atomic<int> runs{0};
    auto near = leased();
    auto far = leased();
    far.servers = {memo_test::on_loopback(memo_test::unused_port())};
    auto const tiers = [&](memo::memcached_settings const& chosen) {
        return memo::tiered(memo::memcached(chosen), memo::memcached(far));
    };
    auto const here = doubled(runs, tiers(near));
    auto const other = doubled(runs, tiers(elsewhere(near)));
    {
        auto const mine = here.try_claim(1);
        CHECK(mine.state() == claim_state::claimed);
        CHECK(other.try_claim(1).state() == claim_state::busy);
    }
    CHECK(other.try_claim(1).run() == 2);
    CHECK(here(1) == 2);
    CHECK(runs == 1);
}

TEST_CASE("a leader of the near tier that is not the far tier's ends its lease") {
    std::atomic<int> runs{0};
    auto const near = leased();
    auto const far = leased();
    auto const function = memo::ignore_state([&runs](int x) {
        ++runs;
        return 2 * x;
    });
    auto const wrapped = [&](auto backend) {
        return memo::memoize(function, {.name = "leased near and far", .version = "1"},
                             std::move(backend));
    };
    auto const here = wrapped(memo::tiered(memo::memcached(near), memo::memcached(far)));
    auto const machine = wrapped(memo::memcached(near));
    auto const other = wrapped(memo::memcached(elsewhere(far)));
    {
        auto const theirs = other.try_claim(1);
        CHECK(theirs.state() == claim_state::claimed);
        CHECK(here.try_claim(1).state() == claim_state::busy);
        CHECK(machine.try_claim(1).state() == claim_state::claimed);
    }
    CHECK(here(1) == 2);
    CHECK(machine.try_claim(1).state() == claim_state::hit);
}

TEMPLATE_LIST_TEST_CASE("one of the processes that ask for one key at once evaluates it", "",
                        backends) {
    auto const settings = leased();
    std::vector<child_process> workers;
    constexpr int keys = 20;
    for (int i = 0; i < 4; ++i) {
        workers.push_back(child_process::running([&] {
            std::atomic<int> runs{0};
            TestType const backend(settings);
            auto const f = doubled(runs, memo::tiered(memo::memory(), backend));
            for (int x = 0; x < keys; ++x) {
                if (f(x) != 2 * x) {
                    return 100;
                }
            }
            return backend.stats().errors == 0 ? runs.load() : 100;
        }));
    }
    int evaluations = 0;
    for (auto& worker : workers) {
        evaluations += worker.wait();
    }
    CHECK(evaluations == keys);
}

TEST_CASE("only its owner ends a lease") {
    auto const settings = leased();
    memo::memcached const here(settings);
    auto const partition = here.partition<int>(scope);
    auto const other = memo::memcached(settings).partition<int>(scope);
    memcached_client const client(memo_test::shared_memcached_server().port());
    auto const prefix = settings.name_space + ':' + to_string(scope) + ':';
    {
        auto const mine = partition.try_lead(key_of(1));
        REQUIRE(mine.has_value());
        CHECK_FALSE(other.try_lead(key_of(1)).has_value());
        std::string const counter = client.ask("mg " + prefix + "gen v", "\r\n");
        auto const number = std::stoull(counter.substr(counter.find("\r\n") + 2));
        auto const name = prefix + to_string(memo::key128{number, 0}).substr(16) + ':' +
                          to_string(key_of(1)) + ":lease";
        CHECK(client.ask("mg " + name + " s") == "HD s16\r\n");
        CHECK(client.ask("ms " + name + " 7 F1818583411\r\nanother") == "HD\r\n");
    }
    CHECK_FALSE(partition.try_lead(key_of(1)).has_value()); // it is another's by now
    CHECK(here.stats().errors == 0);
}

TEST_CASE("a forked child does not end its parent's lease") {
    auto const settings = leased();
    {
        auto mine = memo::memcached(settings).partition<int>(scope).try_lead(key_of(1));
        REQUIRE(mine.has_value());
        auto child = child_process::running([&] {
            auto const ended_here = *std::move(mine);
            return 0;
        });
        CHECK(child.wait() == 0);
        CHECK_FALSE(
            memo::memcached(settings).partition<int>(scope).try_lead(key_of(1)).has_value());
    }
    CHECK(memo::memcached(settings).partition<int>(scope).try_lead(key_of(1)).has_value());
}

TEST_CASE("a lease is not served as a record") {
    auto const settings = leased();
    memo::memcached const backend(settings);
    auto const partition = backend.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    memcached_client const client(memo_test::shared_memcached_server().port());
    auto const prefix = settings.name_space + ':' + to_string(scope) + ':';
    std::string const counter = client.ask("mg " + prefix + "gen v", "\r\n");
    auto const number = std::stoull(counter.substr(counter.find("\r\n") + 2));
    auto const name =
        prefix + to_string(memo::key128{number, 0}).substr(16) + ':' + to_string(key_of(1));
    CHECK(client.ask("ms " + name + " 16 F1818583411\r\n0123456789abcdef") == "HD\r\n");
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.stats().corrupt == 1);
}

TEST_CASE("samples of one mean are drawn on all machines at once") {
    auto const settings = leased();
    memo::memcached const there(elsewhere(settings));
    auto const averaged = [](std::function<double(int)> const& draw,
                             memo::memcached const& backend) {
        return memo::memoize<memo::memcached, memo::averaged>(
            memo::ignore_state([&draw](int x) { return draw(x); }),
            {.name = "leased mean", .version = "1"}, backend);
    };
    std::function<double(int)> const three = [](int) { return 3.0; };
    auto const other = averaged(three, there);
    std::function<double(int)> const two_less = [&](int x) { return other(x) - 2; };
    auto const here = averaged(two_less, memo::memcached(settings));
    CHECK(here(1) == 2.0); // of 3 and 1: the other one did not wait
    CHECK(there.wire().lease_waits == 0);
}

TEST_CASE("invalid settings of a lease are refused") {
    auto chosen = leased(-1s);
    CHECK_THROWS_AS(memo::memcached(chosen), memo::error);
    chosen.lease = std::chrono::hours(24 * 30);
    CHECK_THROWS_AS(memo::memcached(chosen), memo::error);
}
