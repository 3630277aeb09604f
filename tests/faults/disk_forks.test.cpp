// SPDX-License-Identifier: BSL-1.0

// Processes that fork at any moment, and that close all descriptors as daemons do.

#include "support/keys.hpp"
#include "support/planted.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using memo_test::in_process;
using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{1, 2};

memo::disk open_cache(std::string const& directory) {
    return memo::disk({.directory = directory, .max_bytes = 10'000'000});
}

std::string value_of(std::uint64_t key) {
    return std::string(100 + key % 5000, static_cast<char>('a' + key % 26));
}

void store(memo::disk const& backend, std::uint64_t from, std::uint64_t to) {
    auto const values = backend.partition<std::string>(scope);
    for (std::uint64_t key = from; key < to; ++key) {
        values.put(key_of(key), value_of(key), {});
    }
}

/// How many of the first values are there; a wrong one ends the process.
std::uint64_t count(memo::disk const& backend, std::uint64_t among) {
    auto const values = backend.partition<std::string>(scope);
    std::uint64_t found = 0;
    for (std::uint64_t key = 0; key < among; ++key) {
        if (auto const kept = values.get(key_of(key))) {
            if (kept->record != value_of(key)) {
                ::_exit(98);
            }
            ++found;
        }
    }
    return found;
}

/// Files of a program's own, which take the descriptors that are free.
class own_files {
  public:
    static constexpr std::size_t many = 64;

    explicit own_files(std::string const& directory) : directory_(directory) {
        for (std::size_t i = 0; i < many; ++i) {
            std::string const path = directory + '/' + std::to_string(i);
            std::ofstream(path) << "mine";
            files_.push_back({::open(path.c_str(), O_RDWR | O_CLOEXEC), path});
        }
        before_ = memo_test::contents_of(directory);
    }

    /// Whether all are open as they were and hold what they held.
    [[nodiscard]] bool are_untouched() const {
        return std::ranges::all_of(files_,
                                   [](one const& each) {
                                       return memo::detail::identity_of_descriptor(
                                                  each.descriptor) ==
                                              memo::detail::identity_of_file(each.path);
                                   }) &&
               memo_test::contents_of(directory_) == before_;
    }

  private:
    struct one {
        int descriptor;
        std::string path;
    };
    std::string directory_;
    std::vector<one> files_;
    decltype(memo_test::contents_of("")) before_;
};

void close_all() {
    ::close_range(3, ~0U, 0);
}

/// Everything that a backend does. The number of the step after which the files are not as they were; 0 if
/// none, 100 if the cache does not go on.
int use(std::optional<memo::disk>& backend, own_files const& mine) {
    int step = 0;
    auto const still = [&] {
        ++step;
        return mine.are_untouched();
    };
    static_cast<void>(count(*backend, 300));
    if (!still()) {
        return step;
    }
    store(*backend, 100, 300);
    if (!still()) {
        return step;
    }
    static_cast<void>(backend->stats());
    if (count(*backend, 300) != 300 || !still()) {
        return mine.are_untouched() ? 100 : step;
    }
    std::thread([&] { static_cast<void>(count(*backend, 300)); }).join();
    if (!still()) {
        return step;
    }
    backend->partition<int>({3, 4}).clear();
    if (!still()) {
        return step;
    }
    backend.reset();
    return still() ? 0 : step;
}

} // namespace

TEST_CASE("a program that closes all descriptors keeps its files and its cache") {
    memo_test::temp_dir const directory;
    std::string const cache = directory / "cache";
    for (bool const has_looked : {true, false}) {
        CAPTURE(has_looked);
        memo_test::temp_dir const mine;
        CHECK(in_process([&] {
                  ::alarm(20);
                  std::optional<memo::disk> backend(open_cache(cache));
                  store(*backend, 0, 100);
                  if (has_looked && count(*backend, 100) != 100) {
                      return 99;
                  }
                  close_all();
                  own_files const files(mine.path());
                  return use(backend, files);
              }) == 0);
        CHECK(in_process([&] { return count(open_cache(cache), 300) == 300 ? 0 : 1; }) == 0);
        CHECK_FALSE(fs::exists(cache + "/v1.bad.1"));
        fs::remove_all(cache);
    }
}

TEST_CASE("a child that closes all descriptors keeps its files and its cache") {
    memo_test::temp_dir const directory;
    for (bool const before_fork : {true, false}) {
        CAPTURE(before_fork);
        memo_test::temp_dir const mine;
        std::string const cache = directory / (before_fork ? "before" : "after");
        CHECK(in_process([&] {
                  ::alarm(20);
                  std::optional<memo::disk> backend(open_cache(cache));
                  store(*backend, 0, 100);
                  std::optional<own_files> files;
                  auto const take_descriptors = [&] {
                      close_all();
                      files.emplace(mine.path());
                  };
                  if (before_fork) {
                      take_descriptors();
                  }
                  int const result = in_process([&] {
                      if (!before_fork) {
                          take_descriptors();
                      }
                      return files->are_untouched() ? use(backend, *files) : 50;
                  });
                  return result != 0 || !before_fork || files->are_untouched() ? result : 60;
              }) == 0);
        CHECK(in_process([&] { return count(open_cache(cache), 300) == 300 ? 0 : 1; }) == 0);
    }
}

TEST_CASE("a program that closed the descriptors of the file does not set data aside") {
    memo_test::temp_dir const directory;
    std::string const cache = directory / "cache";
    memo_test::temp_dir const mine;
    CHECK(in_process([&] {
              memo::disk const other = open_cache(cache);
              store(other, 0, 10);
              return in_process([&] { // which does not know of what the other one adds
                  memo::disk const backend = open_cache(cache);
                  static_cast<void>(count(backend, 10));
                  close_all();
                  own_files const files(mine.path());
                  if (in_process([&] { store(open_cache(cache), 10, 2000); }) != 0) {
                      return 1;
                  }
                  return count(backend, 2000) == 2000 && files.are_untouched() ? 0 : 2;
              });
          }) == 0);
    CHECK_FALSE(fs::exists(cache + "/v1.bad.1"));
}

TEST_CASE("no child of a process with calls in flight hangs or gets a wrong value") {
    int const forks = memo_test::trials(40);
    memo_test::temp_dir const directory;
    std::string const cache = directory / "cache";
    constexpr int keys = 50;
    std::atomic<bool> stop{false};
    memo_test::shared<std::atomic<int>> evaluations;
    auto const f = memo::memoize<memo::disk>(
        memo::ignore_state([&](int x) {
            ++*evaluations;
            return std::string(static_cast<std::size_t>(x) % 100, 'x') + std::to_string(x);
        }),
        {.name = "forks", .version = "1"}, open_cache(cache));
    auto const is_right = [&](int x) {
        return f(x) == std::string(static_cast<std::size_t>(x) % 100, 'x') + std::to_string(x);
    };
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; !stop; ++i) {
                int const fresh = 1000 + 4 * i + thread;
                wrong += is_right(i % keys) && is_right(fresh) ? 0 : 1;
                if (i % 8 == 0) {
                    f.forget(i % keys);
                    memo::disk const again =
                        open_cache(directory / ("other" + std::to_string(i % 3)));
                    store(again, 0, 1);
                }
            }
        });
    }
    int hung = 0;
    int failed = 0;
    for (int i = 0; i < forks; ++i) {
        int const result = in_process([&] {
            ::alarm(20);
            for (int x = 0; x < keys; ++x) {
                if (!is_right(x)) {
                    return 1;
                }
            }
            if (!is_right(-1 - i)) {
                return 2;
            }
            auto const before = f.stats().errors;
            store(open_cache(directory / "other1"), 1, 3);
            return before == 0 ? 0 : 3;
        });
        hung += result == -SIGALRM ? 1 : 0;
        failed += result != 0 ? 1 : 0;
        INFO("fork " << i << " ended with " << result);
        CHECK(result == 0);
    }
    stop = true;
    std::ranges::for_each(threads, &std::thread::join);
    CHECK(wrong == 0);
    CHECK(f.stats().corrupt == 0);
    CHECK(f.stats().errors == 0);
    INFO(forks << " forks: " << hung << " children hung, " << failed << " failed");
    CHECK(hung + failed == 0);
}

TEST_CASE("a child does not commit what its parent was storing when it forked") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path(), .max_wait = 200ms});
    store(backend, 0, 100);
    auto const values = backend.partition<std::uint64_t>({5, 6});
    memo_test::shared<std::atomic<bool>> child_is_done;
    bool has_forked = false;
    // Returned from twice, as fork() is. The child tries again, and its parent has the right to write.
    auto const merge = [&](std::uint64_t const*) -> std::uint64_t {
        if (std::exchange(has_forked, true)) {
            return 667;
        }
        pid_t const id = ::fork();
        if (id == 0) {
            ::alarm(20);
            return 666;
        }
        memo_test::seconds_until([&] { return child_is_done->load(); });
        int status = 0;
        ::waitpid(id, &status, 0);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
        return 1;
    };
    pid_t const parent = ::getpid();
    bool failed = false;
    try {
        static_cast<void>(values.update(key_of(1), merge, {}));
    } catch (memo::error const&) {
        failed = true;
    }
    if (::getpid() != parent) {
        bool const right = failed && count(backend, 100) == 100 && !values.get(key_of(1));
        *child_is_done = true;
        ::_exit(right ? 0 : 1);
    }
    CHECK_FALSE(failed);
    auto const kept = values.get(key_of(1));
    REQUIRE(kept);
    CHECK(kept->record == 1);
    CHECK(in_process([&] { return count(open_cache(directory.path()), 100) == 100 ? 0 : 1; }) == 0);
}
