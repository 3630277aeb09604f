// SPDX-License-Identifier: BSL-1.0

// fork() in a program whose other threads are inside calls: a child's calls end, and are right.

#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>
#include <support/crew.hpp>
#include <support/process.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using row = std::vector<double>;
using twice = memo::tiered<memo::memory, memo::memory>;

row row_of(int n) {
    if (n % 16 == 0) {
        std::this_thread::yield(); // into whose time the fork falls
    }
    row made(16, n);
    return made;
}

template <class Backend> auto rows(Backend const& backend) {
    return memo::memoize<Backend>(memo::fn<&row_of>{}, {}, backend);
}

/// Calls functions on all kinds of memory, each of which changes what others look at.
///
/// Returns:        how many results were wrong
int call_all(int n) {
    static auto word = memo::memoize<memo::memory>([](int x) { return 3 * x; });
    static auto unbounded = rows(memo::memory());
    static auto few = rows(memo::memory({.max_entries = 100}));
    static auto small = rows(memo::memory({.max_bytes = 100'000}));
    static auto tiered = rows(twice(memo::memory({.max_entries = 50}), memo::memory()));
    static auto several = rows(memo::memory());
    static auto averaged = memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return x + (x % 2 == 0 ? 0.25 : 0.5); }, {.min_repetitions = 50});

    int wrong = 0;
    auto const check = [&](bool right) { wrong += right ? 0 : 1; };
    int const key = n % 997;
    for (int i = 0; i < 50; ++i) {
        check(word(n + i) == 3 * (n + i));
    }
    check(unbounded(key) == row(16, key));
    check(few(key) == row(16, key));
    check(small(key) == row(16, key));
    check(tiered(key) == row(16, key));
    std::vector<int> const keys{key, key + 1, key + 2};
    auto const found = several.many(keys);
    check(found.size() == 3 && found[2].value() == row(16, key + 2));
    double const mean = averaged(n % 97);
    check(mean > n % 97 && mean < n % 97 + 1);
    static_cast<void>(unbounded.forget(key));
    word.clear(); // of many entries: under locks most of the time
    several.clear();
    check(small.stats().failures == 0);
    if (n % 20 == 0) {
        auto fresh = memo::memoize<memo::memory>([](int x) { return x; });
        check(fresh(n) == n && fresh.stats().calls == 1);
        check(unbounded.stats().failures == 0);
    }
    return wrong;
}

} // namespace

TEST_CASE("a child of a process with calls in flight on memory makes its own calls") {
    int const children = memo_test::trials(20);
    REQUIRE(call_all(0) == 0);
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    int waits = 0;
    int wrong_in_children = 0;
    memo_test::together(4, [&](std::size_t i) {
        for (int n = static_cast<int>(i); i != 0 && !done; n += 3) {
            wrong += call_all(n);
        }
        for (int child = 0; i == 0 && child < children; ++child) {
            int const ended = memo_test::in_process([&] {
                ::alarm(20);
                int bad = 0;
                for (int n = child; n < child + 200; n += 10) {
                    bad += call_all(n);
                }
                return bad;
            });
            waits += ended == -SIGALRM ? 1 : 0;
            wrong_in_children += ended > 0 ? 1 : 0;
        }
        done = done || i == 0;
    });
    CHECK(waits == 0);
    CHECK(wrong_in_children == 0);
    CHECK(wrong == 0);
}
