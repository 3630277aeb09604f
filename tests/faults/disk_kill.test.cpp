// SPDX-License-Identifier: BSL-1.0

// Writers that are killed in the middle of what they do.

#include "support/child_process.hpp"
#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using memo_test::key_of;
using memo_test::process;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t writers = 4;
constexpr memo::key128 values_scope{1, 2};
constexpr memo::key128 counter_scope{3, 4};

/// What one writer has been told to be stored.
struct acknowledged {
    std::atomic<std::uint64_t> puts;
    std::atomic<std::uint64_t> updates;
    std::atomic<std::uint64_t> wrong;
};
using board = std::array<acknowledged, writers>;

std::uint64_t number_of(std::size_t writer, std::uint64_t put) {
    return put * writers + writer;
}

std::string value_of(std::uint64_t number) {
    return std::string(20 + number % 200, static_cast<char>('a' + number % 26)) +
           std::to_string(number);
}

/// Stores values, one after the other, and counts in a counter that all share. Without end.
void write_for_ever(std::string const& directory, std::size_t writer, board& told) {
    memo::disk const backend({.directory = directory});
    auto const values = backend.partition<std::string>(values_scope);
    auto const counters = backend.partition<std::uint64_t>(counter_scope);
    for (std::uint64_t put = told[writer].puts;; ++put) {
        std::uint64_t const number = number_of(writer, put);
        values.put(key_of(number), value_of(number), {});
        told[writer].puts = put + 1;
        if (put % 2 == 0) {
            auto const count = [](std::uint64_t const* old) {
                return old != nullptr ? *old + 1 : 1;
            };
            counters.update(key_of(0), count, {});
            ++told[writer].updates;
        }
        std::uint64_t const other = number_of(writer, put / 2);
        auto const kept = values.get(key_of(other));
        if (!kept || kept->record != value_of(other)) {
            ++told[writer].wrong;
        }
    }
}

/// Whether the last puts of each writer that returned are stored, at most this many. Looking at all after each of
/// many kills takes hours.
bool are_last_puts_stored(memo::disk const& backend, board const& told, std::uint64_t most = 5000) {
    auto const values = backend.partition<std::string>(values_scope);
    for (std::size_t writer = 0; writer < writers; ++writer) {
        std::uint64_t const puts = told[writer].puts;
        for (std::uint64_t put = puts - std::min(puts, most); put < puts; ++put) {
            std::uint64_t const number = number_of(writer, put);
            auto const kept = values.get(key_of(number));
            if (!kept || kept->record != value_of(number)) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

TEST_CASE("killed writers lose no record and block no process") {
    memo_test::temp_dir const directory;
    memo_test::shared<board> told;
    int const rounds = memo_test::trials(6);
    int kills = 0;
    double longest = 0;
    for (int round = 0; round < rounds; ++round) {
        std::vector<process> running;
        for (std::size_t writer = 0; writer < writers; ++writer) {
            running.emplace_back([&, writer] { write_for_ever(directory.path(), writer, *told); });
        }
        // One after the other is killed, at some moment; those that live must go on.
        for (std::size_t dead = 0; dead <= writers; ++dead) {
            std::array<std::uint64_t, writers> before{};
            for (std::size_t writer = dead; writer < writers; ++writer) {
                before[writer] = (*told)[writer].puts;
            }
            double const seconds = memo_test::seconds_until([&] {
                for (std::size_t writer = dead; writer < writers; ++writer) {
                    if ((*told)[writer].puts < before[writer] + 20) {
                        return false;
                    }
                }
                return true;
            });
            longest = std::max(longest, dead > 0 ? seconds : 0.0); // opening is not going on
            REQUIRE(seconds < 30);
            if (dead < writers) {
                running[dead].kill();
                ++kills;
            }
        }
        int const checked = memo_test::in_process([&] {
            memo::disk const backend({.directory = directory.path()});
            if (!are_last_puts_stored(backend, *told)) {
                return 1;
            }
            std::uint64_t updates = 0;
            for (auto const& each : *told) {
                updates += each.updates;
            }
            auto const counter = backend.partition<std::uint64_t>(counter_scope).get(key_of(0));
            // A killed writer may have counted and not been told so.
            return counter && counter->record >= updates &&
                           counter->record <= updates + static_cast<std::uint64_t>(kills)
                       ? 0
                       : 2;
        });
        REQUIRE(checked == 0);
    }
    for (auto const& each : *told) {
        CHECK(each.wrong == 0);
    }
    CHECK(longest < 10);
    std::cout << kills << " kills, " << (*told)[0].puts * writers
              << " puts; the longest that a living writer stood still: " << longest << " s\n";
}

TEST_CASE("a killed process loses no put that returned in any of its threads") {
    memo_test::temp_dir const directory;
    memo_test::shared<board> told;
    int const rounds = memo_test::trials(6);
    for (int round = 0; round < rounds; ++round) {
        process running([&] {
            memo::disk const backend({.directory = directory.path()});
            auto const values = backend.partition<std::string>(values_scope);
            std::vector<std::thread> threads;
            for (std::size_t writer = 0; writer < writers; ++writer) {
                threads.emplace_back([&, writer] {
                    for (std::uint64_t put = (*told)[writer].puts;; ++put) {
                        std::uint64_t const number = number_of(writer, put);
                        values.put(key_of(number), value_of(number), {});
                        (*told)[writer].puts = put + 1;
                    }
                });
            }
            std::ranges::for_each(threads, &std::thread::join);
        });
        std::array<std::uint64_t, writers> before{};
        std::ranges::transform(*told, before.begin(),
                               [](auto const& each) { return each.puts.load(); });
        REQUIRE(memo_test::seconds_until([&] {
                    for (std::size_t writer = 0; writer < writers; ++writer) {
                        if ((*told)[writer].puts < before[writer] + 100) {
                            return false;
                        }
                    }
                    return true;
                }) < 30);
        running.kill();
        CHECK(memo_test::in_process([&] {
                  memo::disk const backend({.directory = directory.path()});
                  bool const is_last_round = round + 1 == rounds; // then all
                  return are_last_puts_stored(backend, *told, is_last_round ? UINT64_MAX : 5000)
                             ? 0
                             : 1;
              }) == 0);
    }
}

TEST_CASE("a waiting process continues when the computing one is killed") {
    memo_test::temp_dir const directory;
    struct state {
        std::atomic<int> computing;
        std::atomic<int> evaluations;
    };
    memo_test::shared<state> seen;
    auto const call = [&](bool for_ever) {
        auto const f = memo::memoize<memo::disk>(memo::ignore_state([&, for_ever](int x) {
                                                     ++seen->evaluations;
                                                     ++seen->computing;
                                                     while (for_ever) {
                                                         ::pause();
                                                     }
                                                     return 2 * x;
                                                 }),
                                                 {.name = "faults/flight", .version = "1"},
                                                 memo::disk{{.directory = directory.path()}});
        return f(21);
    };
    process leader([&] { call(true); });
    memo_test::seconds_until([&] { return seen->computing == 1; });
    process follower([&] { return call(false); });
    leader.kill();
    CHECK(follower.wait() == 42);
    CHECK(seen->evaluations == 2);
}

TEST_CASE("a waiting process continues after max_wait if the computing one is stopped") {
    memo_test::temp_dir const directory;
    struct state {
        std::atomic<int> evaluations;
        std::atomic<bool> wait;
    };
    memo_test::shared<state> seen;
    seen->wait = true;
    auto const call = [&](std::chrono::milliseconds max_wait) {
        auto const f = memo::memoize<memo::disk>(
            memo::ignore_state([&](int x) {
                if (++seen->evaluations == 1) {
                    while (seen->wait) {
                        std::this_thread::yield();
                    }
                }
                return 2 * x;
            }),
            {.name = "faults/stopped", .version = "1"},
            memo::disk{{.directory = directory.path(), .max_wait = max_wait}});
        return f(21);
    };
    auto leader = memo_test::child_process::running([&] { return call(0ms); });
    memo_test::seconds_until([&] { return seen->evaluations == 1; });
    leader.stop();
    auto const begin = std::chrono::steady_clock::now();
    CHECK(memo_test::in_process([&] { return call(300ms); }) == 42);
    CHECK(std::chrono::steady_clock::now() - begin >= 300ms);
    CHECK(seen->evaluations == 2);
    // Who comes later finds it, and the leader gets its own.
    CHECK(memo_test::in_process([&] { return call(0ms); }) == 42);
    CHECK(seen->evaluations == 2);
    seen->wait = false;
    leader.go_on();
    CHECK(leader.wait() == 42);
}

TEST_CASE("a process that waited in vain does not release the right of another") {
    memo_test::temp_dir const directory;
    memo_test::shared<std::atomic<bool>> computing;
    memo::detail::disk_store store({.directory = directory.path()});
    using flight = memo::detail::disk_flight;
    auto const waits_as_long_as = [&](std::chrono::milliseconds most, bool for_ever) {
        static_cast<void>(memo::detail::size_of_all(store)); // opens again what fork() closed
        auto const begin = std::chrono::steady_clock::now();
        flight const mine(&store.current(), values_scope, key_of(1), most);
        *computing = true;
        while (for_ever) {
            ::pause();
        }
        return std::chrono::steady_clock::now() - begin >= most ? 1 : 0;
    };
    process leader([&] { return waits_as_long_as(0ms, true); });
    memo_test::seconds_until([&] { return computing->load(); });
    std::optional<flight> in_vain;
    in_vain.emplace(&store.current(), values_scope, key_of(1), 20ms);
    leader.kill();
    std::optional<flight> next;
    next.emplace(&store.current(), values_scope, key_of(1), 10min);
    in_vain.reset();
    CHECK(memo_test::in_process([&] { return waits_as_long_as(20ms, false); }) == 1);
    next.reset();
    CHECK(memo_test::in_process([&] { return waits_as_long_as(10min, false); }) == 0);
}
