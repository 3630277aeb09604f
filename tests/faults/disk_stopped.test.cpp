// SPDX-License-Identifier: BSL-1.0

// A process that holds what others want and does not go on: stopped by a signal, a debugger, a frozen
// container.

#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using memo_test::in_process;
using memo_test::key_of;
using memo_test::process;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

constexpr memo::key128 scope{1, 2};
constexpr std::uint64_t keys = 200;
constexpr auto max_wait = 200ms;
constexpr auto bound = max_wait + 1500ms; // on a machine that does more than this
constexpr auto no_wait = max_wait - 50ms; // as much as nothing, on such a machine

std::string value_of(std::uint64_t key) {
    return std::string(100 + key, static_cast<char>('a' + key % 26));
}

memo::disk open_cache(std::string const& directory, bool read_only = false) {
    return memo::disk({.directory = directory, .max_wait = max_wait, .read_only = read_only});
}

void put(memo::disk const& backend, std::uint64_t key) {
    backend.partition<std::string>(scope).put(key_of(key), value_of(key), {});
}

/// How many of the keys have their values; a wrong one ends the process.
std::uint64_t count(memo::disk const& backend) {
    std::uint64_t found = 0;
    auto const values = backend.partition<std::string>(scope);
    for (std::uint64_t key = 0; key < keys; ++key) {
        if (auto const kept = values.get(key_of(key))) {
            if (kept->record != value_of(key)) {
                ::_exit(98);
            }
            ++found;
        }
    }
    return found;
}

void fill(std::string const& directory) {
    REQUIRE(in_process([&] {
                memo::disk const backend = open_cache(directory);
                for (std::uint64_t key = 0; key < keys; ++key) {
                    put(backend, key);
                }
            }) == 0);
}

template <class Operation> std::chrono::nanoseconds time_of(Operation const& operation) {
    auto const begin = steady::now();
    operation();
    return steady::now() - begin;
}

bool times_out(memo::disk const& backend, std::uint64_t key) {
    try {
        put(backend, key);
    } catch (memo::detail::disk_error const& failure) {
        return failure.code() == ETIMEDOUT;
    }
    return false;
}

/// Locks a byte or a whole file as another process would, which does not go on.
class held_lock {
  public:
    held_lock(std::string const& path, bool whole) : file_(memo::detail::open_file(path, O_RDWR)) {
        REQUIRE((whole ? memo::detail::try_lock_file(file_, LOCK_EX)
                       : memo::detail::lock_byte(file_, F_WRLCK, 0)));
    }

  private:
    memo::detail::file file_;
};

} // namespace

TEST_CASE("a put waits at most max_wait for a stopped process") {
    memo_test::temp_dir const directory;
    fill(directory.path());
    auto const f = memo::memoize<memo::disk>(memo::ignore_state([](int x) { return 2 * x; }),
                                             {.name = "stopped", .version = "1"},
                                             open_cache(directory.path()));
    CHECK(f(1) == 2);
    {
        held_lock const stopped(directory / "v1/write.lock", false);
        auto const first = time_of([&] { CHECK(f(2) == 4); });
        CHECK(first >= max_wait);
        CHECK(first < bound);
        CHECK(f.stats().errors == 1);
        CHECK(f.stats().timeouts == 1);
        auto const further = time_of([&] {
            for (int x = 3; x < 20; ++x) {
                CHECK(f(x) == 2 * x);
            }
        });
        CHECK(further < bound); // and not 17 times as long
        CHECK(f.stats().timeouts == 18);
        CHECK(time_of([&] { CHECK(f(1) == 2); }) < no_wait);
        CHECK(f.stats().hits == 1);
    }
    double const seconds = memo_test::seconds_until([&] { return f(30) == 60 && f.contains(30); });
    CHECK(seconds < 5); // as soon as the lock is free
    auto const timeouts = f.stats().timeouts;
    CHECK(f(31) == 62);
    CHECK(f.contains(31));
    CHECK(f.stats().timeouts == timeouts);
}

TEST_CASE("concurrent puts do not wait one after the other for a stopped process") {
    memo_test::temp_dir const directory;
    memo::disk const backend = open_cache(directory.path());
    put(backend, 0);
    held_lock const stopped(directory / "v1/write.lock", false);
    std::atomic<int> timed_out{0};
    auto const all = time_of([&] {
        std::vector<std::thread> threads;
        for (std::uint64_t thread = 1; thread <= 8; ++thread) {
            threads.emplace_back([&, thread] { timed_out += times_out(backend, thread) ? 1 : 0; });
        }
        std::ranges::for_each(threads, &std::thread::join);
    });
    CHECK(timed_out == 8);
    CHECK(all < bound);
}

TEST_CASE("lookups and read-only opening wait for no writer") {
    memo_test::temp_dir const directory;
    fill(directory.path());
    memo::disk const before = open_cache(directory.path());
    std::ofstream(directory / "unused") << "";
    held_lock const stopped(directory / "v1/write.lock", false);
    CHECK(time_of([&] { CHECK(count(before) == keys); }) < 10 * no_wait);
    std::thread([&] { // its first look
        CHECK(time_of([&] { CHECK(before.partition<std::string>(scope).get(key_of(1))); }) <
              no_wait);
        CHECK(before.stats().entries == keys);
    })
        .join();
    for (bool const read_only : {true, false}) {
        CAPTURE(read_only);
        CHECK(in_process([&] {
                  auto const opening = time_of([&] {
                      memo::disk const backend = open_cache(directory.path(), read_only);
                      if (backend.partition<std::string>(scope).get(key_of(1))->record !=
                          value_of(1)) {
                          ::_exit(3);
                      }
                  });
                  // Closing what may write is a wait, too.
                  return opening < (read_only ? no_wait : std::chrono::nanoseconds(bound)) ? 0 : 1;
              }) == 0);
    }
}

TEST_CASE("a lookup of an expired record waits for no writer") {
    memo_test::temp_dir const directory;
    auto now = std::chrono::system_clock::now();
    memo::disk const backend(
        {.directory = directory.path(), .max_age = 1h, .max_wait = max_wait, .clock = [&] {
             return now;
         }});
    put(backend, 1);
    now += 2h;
    auto const values = backend.partition<std::string>(scope);
    {
        held_lock const stopped(directory / "v1/write.lock", false);
        CHECK(time_of([&] { CHECK_FALSE(values.get(key_of(1))); }) < no_wait);
        CHECK(backend.stats().timeouts == 0);
    }
    CHECK_FALSE(values.get(key_of(1)));
    CHECK(backend.stats().entries == 0);
}

TEST_CASE("a program starts without its cache if a process is stopped while it opens it") {
    memo_test::temp_dir const directory;
    fill(directory.path());
    auto stopped = std::make_unique<held_lock>(directory / "open.lock", true);
    // Who reads waits for nobody.
    CHECK(in_process([&] {
              return time_of([&] { CHECK(count(open_cache(directory.path(), true)) == keys); }) <
                             10 * no_wait
                         ? 0
                         : 1;
          }) == 0);
    std::optional<memo::disk> backend;
    auto const opening = time_of([&] { backend.emplace(open_cache(directory.path())); });
    CHECK(opening >= max_wait);
    CHECK(opening < bound);
    CHECK(backend->directory() == directory.path());
    auto const f = memo::memoize<memo::disk>(memo::ignore_state([](int x) { return 2 * x; }),
                                             {.name = "begins", .version = "1"}, *backend);
    CHECK(time_of([&] { CHECK(f(2) == 4); }) < bound);
    CHECK(f.stats().timeouts > 0);
    CHECK(f.stats().errors > 0);
    CHECK(f.stats().hits == 0);
    stopped.reset();
    CHECK(memo_test::seconds_until([&] { return f(3) == 6 && f.contains(3); }) < 5);
    CHECK(count(*backend) == keys);
}

TEST_CASE("a process that is stopped anywhere in its puts blocks no other for long") {
    memo_test::temp_dir const directory;
    fill(directory.path());
    int const stops = memo_test::trials(8);
    struct observed {
        std::atomic<int> timeouts, wrong, late, unready;
    };
    memo_test::shared<std::atomic<std::uint64_t>> puts;
    memo_test::shared<observed> told;
    process writer([&] {
        ::alarm(0);
        memo::disk const backend = open_cache(directory.path());
        for (std::uint64_t key = 0;; ++key) {
            put(backend, key % keys);
            ++*puts;
        }
    });
    std::mt19937 random(20261128);
    auto const stop_somewhere = [&] {
        std::uint64_t const before = *puts;
        memo_test::seconds_until([&] { return *puts > before; });
        auto const until = steady::now() + std::chrono::nanoseconds(random() % 1'000'000);
        while (steady::now() < until) {
        }
        writer.stop();
    };
    auto const observe = [&](memo::disk const& backend) {
        auto const is_late = [&](std::chrono::nanoseconds took, std::chrono::nanoseconds most) {
            told->late += took < most ? 0 : 1;
        };
        is_late(time_of([&] { told->wrong += count(backend) == keys ? 0 : 1; }), bound);
        is_late(time_of([&] { told->timeouts += times_out(backend, 1) ? 1 : 0; }), bound);
        is_late(time_of([&] { static_cast<void>(times_out(backend, 2)); }), bound);
    };
    for (int stop = 0; stop < stops; ++stop) {
        memo::disk const before = open_cache(directory.path());
        // The writer may have been kept from going on by the machine alone.
        told->unready +=
            memo_test::seconds_until([&] { return !times_out(before, 0); }) < 5 ? 0 : 1;
        stop_somewhere();
        observe(before);
        for (bool const read_only : {true, false}) {
            int const result = in_process([&] {
                ::alarm(30);
                auto const opening = time_of([&] {
                    memo::disk const backend = open_cache(directory.path(), read_only);
                    if (read_only && count(backend) != keys) {
                        ++told->wrong;
                    }
                    if (!read_only) {
                        observe(backend);
                    }
                });
                return opening < 4 * bound ? 0 : 1;
            });
            told->late += result == 0 ? 0 : 1;
        }
        writer.go_on();
        double const seconds = memo_test::seconds_until([&] { return !times_out(before, 3); });
        told->unready += seconds < 5 ? 0 : 1;
    }
    CHECK(told->wrong == 0);
    CHECK(told->late == 0);
    CHECK(told->unready == 0);
    WARN(stops << " stops, " << told->timeouts << " operations waited in vain");
    writer.kill();
}
