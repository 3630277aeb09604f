// SPDX-License-Identifier: BSL-1.0

#include "support/crew.hpp"
#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/error.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

std::string value_of(std::uint64_t number) {
    return std::string(100, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

void store_values(memo::disk const& backend, std::uint64_t from, std::uint64_t to) {
    auto const values = backend.partition<std::string>({1, 2});
    for (std::uint64_t number = from; number < to; ++number) {
        values.put(key_of(number), value_of(number), {});
    }
}

/// Whether the first values are stored, and right.
bool has_values(memo::disk const& backend, std::uint64_t count) {
    auto const values = backend.partition<std::string>({1, 2});
    for (std::uint64_t number = 0; number < count; ++number) {
        auto const kept = values.get(key_of(number));
        if (!kept || kept->record != value_of(number)) {
            return false;
        }
    }
    return true;
}

} // namespace

TEST_CASE("wrappers on separate disk objects share one evaluation if the directory is the same") {
    memo_test::temp_dir const directory;
    std::filesystem::create_directory_symlink(directory.path(), directory / "another way");
    std::atomic<int> runs{0};
    std::atomic<int> right{0};
    std::atomic<std::uint64_t> coalesced{0};
    memo_test::together(8, [&](std::size_t i) {
        memo::disk const backend(
            {.directory = i % 2 == 0 ? directory.path() : directory / "another way"});
        auto const f =
            memo::memoize<memo::disk>(memo::ignore_state([&runs](int n) {
                                          ++runs;
                                          memo_test::until_waiting(7);
                                          return 2 * n;
                                      }),
                                      {.name = "wrapped 8 times", .version = "1"}, backend);
        right += f(21) == 42 ? 1 : 0;
        coalesced += f.stats().coalesced;
    });
    CHECK(right == 8);
    CHECK(runs == 1);
    CHECK(coalesced == 7);
}

TEST_CASE("a record that one disk object forgets is not stored through another") {
    memo_test::temp_dir const directory;
    memo::disk const one({.directory = directory.path()});
    memo::disk const other({.directory = directory.path()});
    std::function<void()> meanwhile;
    auto const wrap = [&](memo::disk const& backend) {
        return memo::memoize<memo::disk>(memo::ignore_state([&meanwhile](int n) {
                                             meanwhile();
                                             return n;
                                         }),
                                         {.name = "forgotten elsewhere", .version = "1"}, backend);
    };
    auto const f = wrap(one);
    auto const g = wrap(other);
    meanwhile = [&] { g.forget(7); };
    CHECK(f(7) == 7);
    CHECK_FALSE(f.contains(7));
    meanwhile = [] {};
    CHECK(f(7) == 7);
    CHECK(g.contains(7));
}

TEST_CASE("clear() erases a record that another thread is storing") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    auto const values = backend.partition<std::string>({1, 2});
    std::atomic<bool> cleared{false};
    std::thread clearing;
    auto const valid = [&] { // runs within the transaction that stores the record
        clearing = std::thread([&] {
            values.clear();
            cleared = true;
        });
        // Time for a clear() that does not wait for the transaction; one that waits is right anyway.
        auto const end = std::chrono::steady_clock::now() + 200ms;
        while (!cleared && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        return true;
    };
    values.put(key_of(1), value_of(1), {0ns, 0ns, memo::validity(valid)});
    clearing.join();
    CHECK_FALSE(values.get(key_of(1)));
}

TEST_CASE("an expired record that cannot be erased at once makes no later put fail") {
    memo_test::temp_dir const directory;
    std::atomic<std::int64_t> now{1'000};
    auto const clock = [&now] {
        return std::chrono::system_clock::time_point(std::chrono::seconds(now));
    };
    memo::disk const backend({.directory = directory.path(), .clock = clock});
    auto const values = backend.partition<std::string>({1, 2});
    values.put(key_of(1), value_of(1), {0ns, 1s, {}});
    now = 2'000;
    std::atomic<bool> ended{false};
    std::atomic<bool> stored{false};
    std::thread other;
    auto const valid = [&] { // runs within a transaction
        other = std::thread([&] {
            static_cast<void>(values.get(key_of(1)));
            try {
                stored = values.put(key_of(2), value_of(2), {});
            } catch (memo::error const&) { // leaves `stored` false
            }
            ended = true;
        });
        // Time for a put that does not wait for the transaction; one that waits is right anyway.
        auto const end = std::chrono::steady_clock::now() + 200ms;
        while (!ended && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        return true;
    };
    values.put(key_of(3), value_of(3), {0ns, 0ns, memo::validity(valid)});
    other.join();
    CHECK(stored);
    CHECK(values.get(key_of(2)));
}

TEST_CASE("fork among threads that use the cache") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    store_values(backend, 0, 100);
    std::atomic<bool> done{false};
    std::atomic<int> failures{0};
    memo_test::together(3, [&](std::size_t worker) {
        if (worker == 0) {
            for (int i = 0; i < 20; ++i) {
                failures += memo_test::in_process([&] {
                    store_values(backend, 500, 505);
                    return has_values(backend, 100) ? 0 : 1;
                });
            }
            done = true;
        }
        while (!done) {
            failures += has_values(backend, 100) ? 0 : 1;
            store_values(backend, 100 * worker, 100 * worker + 10);
        }
    });
    CHECK(failures == 0);
}

TEST_CASE("threads continue while their directory is removed again and again") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "cache";
    memo::disk const backend({.directory = path, .max_bytes = 200'000}); // so that some are evicted
    auto const values = backend.partition<std::string>({1, 2});
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    bool made_again = true;
    memo_test::together(5, [&](std::size_t worker) {
        if (worker == 0) {
            for (int times = 0; times < 3; ++times) {
                std::filesystem::rename(path, path + std::to_string(times)); // all at once
                made_again = made_again && memo_test::seconds_until([&] {
                                               return std::filesystem::exists(path + "/v1");
                                           }) < 30;
            }
            stop = true;
        }
        for (std::uint64_t number = worker; !stop; number += 4) {
            try {
                values.put(key_of(number), value_of(number), {});
                auto const kept = values.get(key_of(number));
                wrong += kept && kept->record != value_of(number) ? 1 : 0;
            } catch (memo::error const&) { // it went while it was made again
            }
        }
    });
    CHECK(made_again);
    CHECK(wrong == 0);
}
