// SPDX-License-Identifier: BSL-1.0

// The Redis backend with a real server: the conformance suite, and failures of the server.

#include "support/fake_clock.hpp"
#include "support/process.hpp"
#include <memo/memo.hpp>
#include <memo/testing/conformance.hpp>

#include <catch2/catch.hpp>

#include "redis_server.hpp"
#include "redis_store.hpp"
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using examples::redis;
using examples::redis_server;
using examples::redis_store;
using memo::testing::at_rest;
using namespace std::chrono_literals;

namespace {

redis_server& shared_server() {
    static redis_server server;
    return server;
}

/// For operations on a machine with other load.
constexpr auto ample = 5000ms;

redis_store store_on(redis_server const& server, std::chrono::milliseconds timeout = ample) {
    return redis_store({.port = server.port(), .timeout = timeout});
}

memo::byte_backend_settings unused_name_space() {
    static int used = 0;
    memo::byte_backend_settings chosen;
    chosen.name_space = "test-" + std::to_string(++used);
    return chosen;
}

struct fixture {
    static constexpr bool counts_entries = false;
    memo_test::fake_clock clock;
    redis backend{store_on(shared_server()), [this] {
                      auto chosen = unused_name_space();
                      chosen.clock = clock.on_the_wall();
                      chosen.max_update_time = 1min;
                      return chosen;
                  }()};
};

bool const registered = memo::testing::register_backend<fixture>("redis");

} // namespace

TEST_CASE("results survive for the next program") {
    auto const settings = unused_name_space();
    auto const doubled = [&] {
        return memo::memoize([](int x) { return std::vector<int>(3, 2 * x); },
                             {.name = "doubled", .version = "1"},
                             redis(store_on(shared_server()), settings));
    };
    doubled()(1);
    CHECK(memo_test::in_process([&] {
              auto const f = doubled();
              bool const is_right = f(1) == std::vector<int>{2, 2, 2};
              return is_right && f.stats().hits == 1 && f.stats().errors == 0 ? 0 : 1;
          }) == 0);
}

TEST_CASE("no sample of four processes is lost") {
    static_cast<void>(shared_server()); // started before the processes that share it
    auto const settings = unused_name_space();
    auto const noisy_from = [&](int first) {
        return memo::memoize<redis, memo::averaged>(
            memo::ignore_state([next = std::make_shared<int>(first)](int) {
                return std::sqrt(static_cast<double>((*next)++));
            }),
            {.name = "noisy",
             .version = "1",
             .single_flight = false,
             .min_repetitions = 101,
             .max_repetitions = 1000},
            redis(store_on(shared_server()), settings));
    };
    std::vector<memo_test::process> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&, worker] {
            auto const f = noisy_from(25 * worker + 1);
            for (int i = 0; i < 25; ++i) {
                f(7);
            }
            return f.stats().errors == 0 ? 0 : 1;
        });
    }
    for (auto& worker : workers) {
        CHECK(worker.wait() == 0);
    }
    auto const e = noisy_from(101).estimate(7); // and one more
    double sum = 0;
    for (int i = 1; i <= 101; ++i) {
        sum += std::sqrt(i);
    }
    CHECK(e.count == 101);
    CHECK(e.mean == Approx(sum / 101).epsilon(1e-9));
}

TEST_CASE("one of four processes computes a key, and the others return its result") {
    static_cast<void>(shared_server()); // started before the processes that share it
    auto settings = unused_name_space();
    settings.lease = 1min;
    memo_test::shared<std::atomic<int>> const runs;
    std::vector<memo_test::process> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&] {
            auto const f = memo::memoize(memo::ignore_state([&](int x) {
                                             ++*runs;
                                             std::this_thread::sleep_for(50ms); // computes
                                             return 2 * x;
                                         }),
                                         {.name = "leased", .version = "1"},
                                         redis(store_on(shared_server()), settings));
            return f(21) == 42 && f.stats().errors == 0 ? 0 : 1;
        });
    }
    for (auto& worker : workers) {
        CHECK(worker.wait() == 0);
    }
    CHECK(*runs == 1);
}

TEST_CASE("a batch is loaded in one command") {
    auto const f =
        memo::memoize([](int x) { return std::to_string(x); }, {.name = "batch", .version = "1"},
                      redis(store_on(shared_server()), unused_name_space()));
    std::vector<int> arguments;
    for (int i = 0; i < 200; ++i) {
        arguments.push_back(i);
        if (i % 2 == 0) {
            f(i);
        }
    }
    auto const results = f.many(arguments);
    for (int i = 0; i < 200; ++i) {
        CHECK(results[static_cast<std::size_t>(i)].value() == std::to_string(i));
    }
    auto const s = at_rest(f);
    CHECK(s.hits == 100);
    CHECK(s.misses == 200);
    CHECK(s.errors == 0);
}

TEST_CASE("the server erases expired records") {
    auto const store = store_on(shared_server());
    std::vector<std::byte> const value(100);
    CHECK(store.store("expires", value, 30ms));
    CHECK(store.store("stays", value, 0ns));
    CHECK(store.exchange("merged", {}, value, 30ms));
    CHECK(memo_test::seconds_until([&] { return !store.load("expires"); }) < 30);
    CHECK(memo_test::seconds_until([&] { return !store.load("merged"); }) < 30);
    CHECK(store.load("stays").has_value());
    CHECK(store.try_lock("lock", "me", 30ms));
    CHECK(memo_test::seconds_until([&] { return store.try_lock("lock", "you", 1min); }) < 30);
    store.unlock("lock", "me");
    CHECK_FALSE(store.try_lock("lock", "me", 1min));
    store.unlock("lock", "you");
    CHECK(store.try_lock("lock", "me", 1min));
}

TEST_CASE("an exchange succeeds only against the loaded bytes") {
    auto const store = store_on(shared_server());
    std::vector<std::byte> const one(10, std::byte{0});
    std::vector<std::byte> const two(10, std::byte{'\n'});
    CHECK(store.exchange("exchanged", {}, one, 0ns));
    CHECK_FALSE(store.exchange("exchanged", {}, two, 0ns));
    auto const loaded = store.load_versioned("exchanged");
    REQUIRE(loaded.has_value());
    CHECK(loaded->bytes == one);
    CHECK(store.exchange("exchanged", loaded->token, two, 0ns));
    CHECK_FALSE(store.exchange("exchanged", loaded->token, one, 0ns));
    CHECK(store.load("exchanged") == two);
    CHECK(store.erase("exchanged"));
    CHECK_FALSE(store.exchange("exchanged", two, one, 0ns));
}

TEST_CASE("an unreachable server costs a bounded time, and is used again after it returns") {
    redis_server server;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {.name = "away", .version = "1"},
                                 redis(store_on(server, 100ms)));
    f(1);
    auto const all_right = [&] {
        bool right = true;
        for (int i = 0; i < 200; ++i) {
            right = right && f(i) == 2 * i;
        }
        return right;
    };
    auto const begin = std::chrono::steady_clock::now();
    server.stop();
    CHECK(all_right());
    server.go_on();
    server.kill();
    CHECK(all_right());
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    CHECK(f.stats().errors > 0);

    server.restart();
    CHECK(memo_test::seconds_until([&] {
              f(1000);
              return f.contains(1000);
          }) < 30);
    at_rest(f);
}

TEST_CASE("a strict function throws when the server is unreachable") {
    redis_server server;
    auto const f = memo::memoize([](int x) { return 2 * x; },
                                 {.name = "strict", .version = "1", .on_error = memo::strict},
                                 redis(store_on(server)));
    CHECK(f(1) == 2);
    server.kill();
    CHECK_THROWS_WITH(f(2), Catch::Contains("byte store") && Catch::Contains("redis at 127.0.0.1"));
}
