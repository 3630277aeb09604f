// SPDX-License-Identifier: BSL-1.0

// What happens to the files of a cache between two calls of a process that has it open: they are
// removed, cut or damaged.

#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
namespace page_format = memo::detail::page_format;
using memo_test::in_process;
using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{1, 2};
constexpr std::uint64_t entries = 1000;
constexpr std::size_t page = page_format::page_size;

std::string value_of(std::uint64_t number) {
    std::size_t const size = number % 50 == 0 ? 6000 : 100; // some lie in pages of their own
    std::string value = std::to_string(number) + ':';
    value.resize(size, static_cast<char>('a' + number % 26));
    return value;
}

memo::disk open(std::string const& directory, std::uint64_t max_bytes = 0) {
    return memo::disk(
        {.directory = directory, .max_bytes = max_bytes, .report = [](std::string const&) {}});
}

auto values_of(memo::disk const& backend) {
    return backend.partition<std::string>(scope);
}

void store(memo::disk const& backend, std::uint64_t from, std::uint64_t to) {
    auto const values = values_of(backend);
    for (std::uint64_t number = from; number < to; ++number) {
        values.put(key_of(number), value_of(number), {});
    }
}

/// How many are found; -1 if one is wrong.
int found(memo::disk const& backend, std::uint64_t among) {
    auto const values = values_of(backend);
    int count = 0;
    for (std::uint64_t number = 0; number < among; ++number) {
        if (auto const kept = values.get(key_of(number))) {
            if (kept->record != value_of(number)) {
                return -1;
            }
            ++count;
        }
    }
    return count;
}

/// Files are looked at when this clock has gone on, which is every few ms.
void wait_for_next_tick() {
    auto const now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
        return time.tv_nsec;
    };
    auto const before = now();
    memo_test::seconds_until([&] { return now() != before; });
}

std::size_t count_lines(std::string const& path, std::string const& with) {
    auto* const file = std::fopen(path.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        text.push_back(static_cast<char>(c));
    }
    std::fclose(file);
    std::size_t count = 0;
    for (auto at = text.find(with); at != std::string::npos; at = text.find(with, at + 1)) {
        ++count;
    }
    return count;
}

std::ptrdiff_t open_descriptors() {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

/// Writes into a file without changing its length.
void write_at(std::string const& path, std::size_t at, std::string const& bytes) {
    int const file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    REQUIRE(::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
            static_cast<ssize_t>(bytes.size()));
    ::close(file);
}

std::string read_at(std::string const& path, std::size_t at, std::size_t size) {
    std::string bytes(size, '\0');
    int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    static_cast<void>(::pread(file, bytes.data(), size, static_cast<off_t>(at)));
    ::close(file);
    return bytes;
}

using damage = void (*)(std::string const& directory, std::mt19937_64& random);

std::size_t random_page(std::string const& file, std::mt19937_64& random) {
    return random() % (fs::file_size(file) / page) * page;
}

void flip(std::string const& file, std::size_t at, std::mt19937_64& random) {
    std::string byte = read_at(file, at, 1);
    byte[0] = static_cast<char>(byte[0] ^ (1 << (random() % 8)));
    write_at(file, at, byte);
}

void flip_a_bit(std::string const& directory, std::mt19937_64& random) {
    std::string const file = directory + "/v1/data.mdb";
    flip(file, random() % fs::file_size(file), random);
}
void flip_bits_of_a_head(std::string const& directory, std::mt19937_64& random) {
    std::string const file = directory + "/v1/data.mdb";
    std::size_t const head = random_page(file, random);
    for (int flips = 0; flips < 3; ++flips) {
        flip(file, head + random() % 100, random);
    }
}
void flip_a_bit_of_the_roots(std::string const& directory, std::mt19937_64& random) {
    flip(directory + "/v1/data.mdb",
         random() % 2 * page + sizeof(page_format::page_header) +
             random() % sizeof(page_format::meta),
         random);
}
void zero_a_page(std::string const& directory, std::mt19937_64& random) {
    std::string const file = directory + "/v1/data.mdb";
    write_at(file, random_page(file, random), std::string(page, '\0'));
}
void swap_pages(std::string const& directory, std::mt19937_64& random) {
    std::string const file = directory + "/v1/data.mdb";
    for (int swaps = 0; swaps < 10; ++swaps) {
        std::size_t const one = random_page(file, random);
        std::size_t const other = random_page(file, random);
        std::string const bytes = read_at(file, one, page);
        write_at(file, one, read_at(file, other, page));
        write_at(file, other, bytes);
    }
}
void cut(std::string const& file, std::mt19937_64& random) {
    fs::resize_file(file, random() % 3 == 0 ? 0 : random() % fs::file_size(file));
}
void cut_the_data(std::string const& directory, std::mt19937_64& random) {
    cut(directory + "/v1/data.mdb", random);
}
void cut_the_lock_file(std::string const& directory, std::mt19937_64& random) {
    cut(directory + "/v1/lock.mdb", random);
}
void cut_the_clock(std::string const& directory, std::mt19937_64& random) {
    cut(directory + "/v1/clock", random);
}

/// Looks for all entries, or writes before anything is looked at; stores some anew, looks at many, and
/// drops them. 0: nothing wrong was served.
int use(memo::disk const& backend, bool looks_first, std::atomic<std::uint64_t>& refused) {
    auto const values = values_of(backend);
    auto const counting = [&](auto const& body) {
        try {
            body();
        } catch (memo::error const&) {
            ++refused; // a call of a memoized function counts it and goes on
        }
    };
    bool wrong = false;
    auto const look = [&](std::uint64_t number) {
        counting([&] {
            auto const kept = values.get(key_of(number));
            wrong = wrong || (kept && kept->record != value_of(number));
        });
    };
    for (std::uint64_t number = 0; looks_first && number < entries; ++number) {
        look(number);
    }
    for (std::uint64_t number = 0; number < entries; number += 7) {
        counting([&] { values.put(key_of(number), value_of(number), {}); });
        look(number);
    }
    counting([&] { static_cast<void>(backend.stats()); });
    counting([&] { static_cast<void>(values.stats()); });
    for (std::uint64_t number = 0; number < entries; number += 3) {
        counting([&] { static_cast<void>(values.erase(key_of(number))); });
        look(number);
    }
    counting([&] { values.clear(); });
    return wrong ? 1 : 0;
}

/// Damages the files of a cache between two calls of a process that has it open.
void damage_and_use(damage damaged, int usual) {
    auto const seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    int const count = memo_test::trials(usual);
    memo_test::temp_dir const whole;
    REQUIRE(in_process([&] { store(open(whole.path()), 0, entries); }) == 0);
    memo_test::shared<std::atomic<std::uint64_t>> refused;
    for (int trial = 0; trial < count; ++trial) {
        CAPTURE(trial);
        memo_test::temp_dir const copy;
        fs::copy(whole.path(), copy.path(), fs::copy_options::recursive);
        auto const draws = random();
        REQUIRE(in_process([&] {
                    std::mt19937_64 drawn(draws);
                    memo::disk const backend = open(copy.path(), drawn() % 2 == 0 ? 0 : 400'000);
                    if (drawn() % 4 != 0) { // what it has in memory by then is another thing
                        store(backend, 0, drawn() % 100);
                    }
                    static_cast<void>(found(backend, 10));
                    damaged(copy.path(), drawn);
                    wait_for_next_tick();
                    if (int const failed = use(backend, drawn() % 2 == 0, *refused); failed != 0) {
                        return failed;
                    }
                    // It goes on by itself.
                    std::atomic<std::uint64_t> ignored{0};
                    return use(backend, true, ignored);
                }) == 0);
    }
    std::cout << count << " trials: " << *refused << " operations failed\n";
}

/// Looks up a record that damage may have reached, and whether records that are stored then are found.
bool goes_on(memo::disk const& backend, std::uint64_t number) {
    try {
        static_cast<void>(values_of(backend).get(key_of(number)));
    } catch (memo::error const&) { // a call counts it and goes on
    }
    store(backend, 0, 10);
    return found(backend, 10) == 10;
}

} // namespace

TEST_CASE("a cut lock file is replaced by one process at a time") {
    memo_test::temp_dir const directory;
    std::string const lock_file = directory / "v1/lock.mdb";
    CHECK(in_process([&] {
              memo::disk const backend({.directory = directory.path(), .max_wait = 10ms});
              store(backend, 0, 10);
              auto const cut_file = memo::detail::identity_of_file(lock_file);
              fs::resize_file(lock_file, 0);
              wait_for_next_tick();
              {
                  // As a process that opens the data, and may be about to make a new one.
                  auto const opening = memo::detail::open_file(directory / "open.lock", O_RDWR);
                  if (!memo::detail::try_lock_file(opening, LOCK_EX)) {
                      return 1;
                  }
                  try {
                      static_cast<void>(values_of(backend).get(key_of(1)));
                      return 2;
                  } catch (memo::error const&) { // a call counts it and goes on
                  }
                  if (memo::detail::identity_of_file(lock_file) != cut_file) {
                      return 3;
                  }
              }
              return found(backend, 10) == 10 ? 0 : 4;
          }) == 0);
}

TEST_CASE("a repeatedly removed directory leaks no descriptor and no map") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "cache";
    CHECK(in_process([&] {
              memo::disk const backend = open(path, 1'000'000);
              auto const again = [&] {
                  fs::remove_all(path);
                  wait_for_next_tick();
                  store(backend, 0, 10);
                  return found(backend, 10) == 10;
              };
              bool whole = again();
              auto const descriptors = open_descriptors();
              auto const maps = count_lines("/proc/self/maps", path);
              for (int times = 0; times < 20; ++times) {
                  whole = again() && whole;
              }
              if (count_lines("/proc/self/maps", "data.mdb (deleted)") +
                      count_lines("/proc/self/maps", "lock.mdb (deleted)") +
                      count_lines("/proc/self/maps", "clock (deleted)") !=
                  0) {
                  return 2;
              }
              return !whole                                         ? 1
                     : count_lines("/proc/self/maps", path) != maps ? 3
                     : open_descriptors() != descriptors            ? 4
                                                                    : 0;
          }) == 0);
}

TEST_CASE("lookups notice that the directory was removed") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "cache";
    memo::disk const backend = open(path);
    store(backend, 0, 10);
    CHECK(found(backend, 10) == 10);
    fs::remove_all(path);
    double const seconds = memo_test::seconds_until([&] { return found(backend, 10) == 0; });
    CHECK(seconds < 5);
    CHECK(in_process([&] { store(open(path), 0, 5); }) == 0);
    CHECK(memo_test::seconds_until([&] { return found(backend, 10) == 5; }) < 5);
}

TEST_CASE("threads look up and store while the directory is removed") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "cache";
    CHECK(in_process([&] {
              memo::disk const backend = open(path);
              std::atomic<bool> stop{false};
              std::atomic<int> wrong{0};
              std::vector<std::thread> threads;
              for (int thread = 0; thread < 4; ++thread) {
                  threads.emplace_back([&, thread] {
                      while (!stop) {
                          try {
                              if (thread % 2 == 0) {
                                  store(backend, 0, 10);
                              }
                              wrong += found(backend, 10) < 0 ? 1 : 0;
                          } catch (memo::error const&) { // the directory, half removed
                          }
                      }
                  });
              }
              for (int times = 0; times < memo_test::trials(30); ++times) {
                  std::error_code ignored;
                  fs::remove_all(path, ignored);
                  wait_for_next_tick();
              }
              stop = true;
              for (std::thread& each : threads) {
                  each.join();
              }
              wait_for_next_tick();
              store(backend, 0, 10);
              return wrong != 0 ? 1 : found(backend, 10) == 10 ? 0 : 2;
          }) == 0);
}

TEST_CASE("a moved directory is another cache") {
    memo_test::temp_dir const directory;
    memo::disk const one = open(directory / "one");
    store(one, 0, 10);
    fs::rename(directory / "one", directory / "two");
    memo::disk const two = open(directory / "two");
    CHECK(found(two, 10) == 10);
    wait_for_next_tick();
    CHECK(found(one, 10) == 0);
    store(one, 20, 25);
    CHECK(found(two, 25) == 10);
    CHECK(fs::exists(directory / "one/v1/data.mdb"));
}

TEST_CASE("a relative directory stays in the working directory in which it was named") {
    memo_test::temp_dir const directory;
    fs::path const before = fs::current_path();
    fs::current_path(directory.path());
    memo::disk const backend = open("cache");
    store(backend, 0, 10);
    fs::create_directory("other");
    fs::current_path("other"); // as a daemon does at its start
    CHECK(in_process([&] { return found(backend, 10) == 10 ? 0 : 1; }) == 0);
    fs::remove_all(directory / "cache");
    wait_for_next_tick();
    store(backend, 0, 10);
    CHECK(found(backend, 10) == 10);
    CHECK(fs::exists(directory / "cache"));
    CHECK_FALSE(fs::exists("cache"));
    fs::current_path(before);
}

TEST_CASE("damage between two calls causes no wrong value and no signal") {
    damage_and_use(flip_a_bit, 10);
    damage_and_use(flip_bits_of_a_head, 20);
    damage_and_use(flip_a_bit_of_the_roots, 20);
    damage_and_use(zero_a_page, 10);
    damage_and_use(swap_pages, 10);
}

TEST_CASE("a file that is truncated between two calls causes no wrong value and no signal") {
    damage_and_use(cut_the_data, 10);
    damage_and_use(cut_the_lock_file, 10);
}

TEST_CASE("a file that grew after its last check and is truncated causes no signal") {
    memo_test::temp_dir const directory;
    std::string const file = directory / "v1/data.mdb";
    CHECK(in_process([&] {
              memo::disk const backend = open(directory.path());
              auto const values = values_of(backend);
              std::uint64_t number = 0;
              auto const whole_value = [&] {
                  auto const kept = values.get(key_of(number));
                  return kept && kept->record == std::string(100'000, 'x');
              };
              std::int64_t checked = 0;
              std::uintmax_t length = 0;
              do {
                  wait_for_next_tick();
                  checked = memo::detail::coarse_ticks();
                  ++number;
                  if (whole_value()) { // checks the files
                      return 1;
                  }
                  length = fs::file_size(file);
                  values.put(key_of(number), std::string(100'000, 'x'), {});
                  if (!whole_value()) {
                      return 2;
                  }
              } while (memo::detail::coarse_ticks() != checked || fs::file_size(file) == length);
              fs::resize_file(file, length);
              wait_for_next_tick();
              return goes_on(backend, number) ? 0 : 3;
          }) == 0);
}

TEST_CASE("a file that is truncated before its first check causes no signal") {
    memo_test::temp_dir const directory;
    store(open(directory.path()), 0, 100);
    CHECK(in_process([&] {
              memo::disk const backend = open(directory.path());
              static_cast<void>(values_of(backend)); // opens it
              fs::resize_file(directory / "v1/data.mdb", 0);
              wait_for_next_tick();
              return goes_on(backend, 1) ? 0 : 1;
          }) == 0);
}

TEST_CASE("a clock file that is truncated between two calls causes no signal") {
    memo_test::temp_dir const directory;
    CHECK(in_process([&] {
              std::mt19937_64 random(1);
              memo::disk const backend = open(directory.path(), 1'000'000);
              for (int times = 0; times < 20; ++times) {
                  store(backend, 0, 200);
                  if (found(backend, 100) != 100) {
                      return 1;
                  }
                  cut_the_clock(directory.path(), random);
                  wait_for_next_tick();
              }
              return 0;
          }) == 0);
}
