// SPDX-License-Identifier: BSL-1.0

// Readers that writers do not know of: LMDB registers them in lock.mdb, and POSIX drops the lock that
// guards a process's places there when the process closes any descriptor of the file.

#include "support/permissions.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace detail = memo::detail;
namespace fs = std::filesystem;

namespace {

constexpr int keys = 16;

/// Which key's it is can be seen of each element.
std::vector<int> value_of(int key, std::size_t bytes) {
    return std::vector<int>(bytes / sizeof(int), key);
}

bool is_value_of(int key, std::vector<int> const& value) {
    return std::ranges::all_of(value, [key](int element) { return element == key; });
}

auto function_of(std::string const& directory, std::size_t bytes, bool read_only = false) {
    return memo::memoize<memo::disk>(
        memo::ignore_state([bytes](int key) { return value_of(key, bytes); }),
        {.name = "faults/readers", .version = "1"},
        memo::disk({.directory = directory, .read_only = read_only}));
}

struct scene {
    std::atomic<int> threads;  ///< that have read
    std::atomic<bool> lost;    ///< writers do not know of the readers any more
    std::atomic<bool> written; ///< and write
    std::atomic<bool> stop;
    std::atomic<std::uint64_t> hits;
    std::atomic<std::uint64_t> misses;
    std::atomic<std::uint64_t> wrong;
    std::atomic<std::uint64_t> corrupt;
    std::atomic<std::uint64_t> errors;
    std::atomic<std::uint64_t> puts;
};

/// How the readers are lost.
struct loss {
    char const* name;
    void (*in_reader)(std::string const& lock);
    void (*in_other)(std::string const& lock);
    bool read_only;
};

void nothing(std::string const& /*lock*/) {}
void read_a_byte(std::string const& lock) {
    std::ifstream(lock).get();
}
void remove_file(std::string const& lock) {
    fs::remove(lock);
}
void forbid_writing(std::string const& lock) {
    fs::permissions(lock, fs::perms(0444));
}

/// Threads of a process that look up, until it is said to stop.
int read_all(std::string const& directory, std::size_t bytes, loss const& how, scene& now) {
    std::string const lock = directory + "/v1/lock.mdb";
    if (how.read_only && !memo_test::heed_permissions()) {
        return 1;
    }
    auto const f = function_of(directory, bytes, how.read_only);
    std::vector<std::thread> readers;
    for (unsigned thread = 0; thread < 4; ++thread) {
        readers.emplace_back([&, thread] {
            std::mt19937 random(thread);
            static_cast<void>(f.lookup(1));
            ++now.threads;
            memo_test::seconds_until([&] { return now.written.load(); }, 60);
            while (!now.stop) {
                int const key = static_cast<int>(random() % keys);
                auto const value = f.lookup(key);
                ++(value ? now.hits : now.misses);
                now.wrong += value && !is_value_of(key, *value) ? 1U : 0U;
            }
        });
    }
    memo_test::seconds_until([&] { return now.threads == 4; });
    how.in_reader(lock);
    now.lost = true;
    for (std::thread& each : readers) {
        each.join();
    }
    now.corrupt = f.stats().corrupt;
    now.errors = f.stats().errors;
    return 0;
}

/// Replaces values, until it is said to stop.
int write_all(std::string const& directory, std::size_t bytes, scene& now) {
    auto const f = function_of(directory, bytes);
    now.written = true;
    std::mt19937 random(99);
    while (!now.stop) {
        int const key = static_cast<int>(random() % keys);
        f.forget(key);
        f(key);
        ++now.puts;
    }
    return 0;
}

} // namespace

TEST_CASE("readers outside the reader table get no wrong value") {
    // Each trial: so many hits, for as long as a minute.
    std::uint64_t const hits = memo_test::trials(0) > 0 ? 26'000 : 2'000;
    for (loss const& how : {loss{"reads lock.mdb", read_a_byte, nothing, false},
                            loss{"lock.mdb is removed", nothing, remove_file, false},
                            loss{"may not write lock.mdb", nothing, nothing, true}}) {
        for (std::size_t const bytes : {std::size_t{100} << 10U, std::size_t{1} << 20U}) {
            CAPTURE(how.name, bytes);
            memo_test::temp_dir const directory;
            std::string const lock = directory / "v1/lock.mdb";
            REQUIRE(memo_test::in_process([&] {
                        auto const f = function_of(directory.path(), bytes);
                        for (int key = 0; key < keys; ++key) {
                            f(key);
                        }
                    }) == 0);
            if (how.read_only) {
                forbid_writing(lock);
            }
            memo_test::shared<scene> now;
            memo_test::process reader([&] { return read_all(directory.path(), bytes, how, *now); });
            REQUIRE(memo_test::seconds_until([&] { return now->lost.load(); }) < 30);
            how.in_other(lock);
            memo_test::process writer([&] { return write_all(directory.path(), bytes, *now); });
            std::uint64_t const enough = bytes > 500'000 ? hits / 20 : hits;
            memo_test::seconds_until([&] { return now->hits + now->wrong >= enough; }, 60);
            now->stop = true;
            CHECK(reader.wait() == 0);
            CHECK(writer.wait() == 0);
            CHECK(now->hits >= enough);
            CHECK(now->wrong == 0);
            CHECK(now->corrupt == 0);
            std::cout << how.name << ", " << bytes << " B: " << now->wrong << " wrong of "
                      << now->hits << " hits, " << now->misses << " misses, " << now->corrupt
                      << " corrupt, " << now->errors << " errors, " << now->puts << " puts\n";
        }
    }
}

namespace {

/// LMDB's own environment of a cache's data. In a process that opens none of memo's.
detail::lmdb_environment open_plainly(std::string const& directory, unsigned max_readers) {
    MDB_env* env = nullptr;
    detail::lmdb_check("create", mdb_env_create(&env));
    detail::lmdb_environment opened(env);
    detail::lmdb_check("readers", mdb_env_set_maxreaders(env, max_readers));
    detail::lmdb_check(
        "open", mdb_env_open(env, (directory + "/v1").c_str(), MDB_NOTLS | MDB_NOSYNC, 0600));
    return opened;
}

/// How many places of readers are taken.
int count_readers(std::string const& directory) {
    memo_test::shared<std::atomic<int>> count;
    REQUIRE(memo_test::in_process([&] {
                auto const env = open_plainly(directory, 1);
                mdb_reader_list(
                    env.get(),
                    [](char const* line, void* context) {
                        *static_cast<std::atomic<int>*>(context) +=
                            std::string(line).find("no active") == std::string::npos ? 1 : 0;
                        return 0;
                    },
                    &*count);
            }) == 0);
    return (std::max)(0, *count - 1); // the first line names the columns
}

} // namespace

TEST_CASE("a cache without a free reader slot opens, and its lookups work") {
    memo_test::temp_dir const directory;
    REQUIRE(memo_test::in_process([&] { function_of(directory.path(), 100)(1); }) == 0);
    fs::remove(directory / "v1/lock.mdb");
    constexpr unsigned places = 4;
    memo_test::shared<std::atomic<bool>> taken;
    memo_test::process holder([&] {
        auto const env = open_plainly(directory.path(), places);
        std::vector<detail::lmdb_transaction> readers;
        for (unsigned reader = 0; reader < places; ++reader) {
            readers.push_back(detail::begin(env.get(), MDB_RDONLY));
        }
        *taken = true;
        while (true) {
            ::pause();
        }
    });
    memo_test::seconds_until([&] { return taken->load(); });
    CHECK(memo_test::in_process([&] {
              auto const f = function_of(directory.path(), 100);
              if (!is_value_of(1, f(1)) || f.stats().hits != 1 || f.stats().errors != 0) {
                  return 1;
              }
              return f.backend().stats().entries == 1 ? 0 : 2;
          }) == 0);
    holder.kill();
}

TEST_CASE("threads take about as many reader slots as read at one moment") {
    memo_test::temp_dir const directory;
    memo_test::shared<std::atomic<bool>> done;
    memo_test::process other([&] {
        auto const f = function_of(directory.path(), 100);
        f(1);
        constexpr int count = 64;
        std::atomic<int> turn{0};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < count; ++thread) {
            threads.emplace_back([&, thread] {
                for (int at = turn; at != thread; at = turn) {
                    turn.wait(at);
                }
                static_cast<void>(f.lookup(1)); // all are alive, and one reads
                ++turn;
                turn.notify_all();
                while (true) {
                    ::pause();
                }
            });
        }
        for (int at = turn; at != count; at = turn) {
            turn.wait(at);
        }
        *done = true;
        while (true) {
            ::pause();
        }
    });
    memo_test::seconds_until([&] { return done->load(); }, 60);
    int const few = (std::max)(16, static_cast<int>(std::thread::hardware_concurrency()));
    CHECK(count_readers(directory.path()) <= few);
    other.kill();
}
