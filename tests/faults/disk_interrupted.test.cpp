// SPDX-License-Identifier: BSL-1.0

// Operations on the files of a cache that are interrupted: the thread is cancelled, or the process may
// write no more.

#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <pthread.h>
#include <random>
#include <string>
#include <sys/resource.h>
#include <utility>

namespace {

std::string value_of(int x) {
    return std::string(1000, static_cast<char>('a' + x % 26)) + std::to_string(x);
}

auto remembering(memo::disk const& backend, int& runs) {
    return memo::memoize<memo::disk>(memo::ignore_state([&runs](int x) {
                                         ++runs;
                                         return value_of(x);
                                     }),
                                     {.name = "faults/interrupted", .version = "1"}, backend);
}

using function = decltype(remembering(std::declval<memo::disk const&>(), std::declval<int&>()));

/// What a thread does until it is cancelled.
struct work {
    function const* f;
    std::atomic<int> calls{0};
    std::atomic<bool> wrong{false};
};

void* call_for_ever(void* context) {
    work& mine = *static_cast<work*>(context);
    for (int x = 0;; ++x) {
        int const argument = x % 500;
        if ((*mine.f)(argument) != value_of(argument)) {
            mine.wrong = true;
        }
        mine.f->forget(argument / 2);
        ++mine.calls;
        ::pthread_testcancel();
    }
    return nullptr;
}

} // namespace

TEST_CASE("a thread may be cancelled within a call") {
    memo_test::temp_dir const directory;
    int const times = memo_test::trials(40);
    CHECK(memo_test::in_process([&] {
              memo::disk const backend({.directory = directory.path()});
              int runs = 0;
              auto const f = remembering(backend, runs);
              std::mt19937 random(1);
              for (int time = 0; time < times; ++time) {
                  work mine{&f};
                  pthread_t thread{};
                  if (::pthread_create(&thread, nullptr, call_for_ever, &mine) != 0) {
                      return 1;
                  }
                  int const enough = 1 + static_cast<int>(random() % 50);
                  memo_test::seconds_until([&] { return mine.calls >= enough; });
                  ::pthread_cancel(thread);
                  void* result = nullptr;
                  ::pthread_join(thread, &result);
                  if (result != PTHREAD_CANCELED || mine.wrong) {
                      return 2;
                  }
                  if (f(time) != value_of(time) || f(time) != value_of(time)) {
                      return 3;
                  }
              }
              return f.stats().errors == 0 ? 0 : 4;
          }) == 0);
}

TEST_CASE("a process at its file size limit continues, and loses no record") {
    memo_test::temp_dir const directory;
    CHECK(memo_test::in_process([&] {
              memo::disk const backend({.directory = directory.path(), .max_bytes = 100'000'000});
              int runs = 0;
              auto const f = remembering(backend, runs);
              constexpr int stored = 100;
              for (int x = 0; x < stored; ++x) {
                  f(x);
              }
              rlimit most{500'000, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_FSIZE, &most) != 0) {
                  return 1;
              }
              for (int x = 0; x < 2000; ++x) {
                  if (f(x) != value_of(x)) {
                      return 2;
                  }
              }
              if (f.stats().errors == 0) {
                  return 3;
              }
              runs = 0;
              for (int x = 0; x < stored; ++x) {
                  f(x);
              }
              if (runs != 0) {
                  return 4;
              }
              most.rlim_cur = RLIM_INFINITY;
              static_cast<void>(::setrlimit(RLIMIT_FSIZE, &most));
              f(3000);
              runs = 0;
              f(3000);
              sigset_t blocked{};
              ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
              return runs != 0 ? 5 : ::sigismember(&blocked, SIGXFSZ) == 0 ? 0 : 6;
          }) == 0);
    CHECK(memo_test::in_process([&] {
              rlimit const nothing{0, RLIM_INFINITY};
              static_cast<void>(::setrlimit(RLIMIT_FSIZE, &nothing));
              try {
                  memo::disk const refused({.directory = directory / "new"});
              } catch (memo::error const&) {
                  return 0;
              }
              return 1;
          }) == 0);
}
