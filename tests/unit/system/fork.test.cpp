// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>
#include <support/crew.hpp>
#include <support/process.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unistd.h>

namespace {

/// Two numbers that are equal whenever the mutex is free.
template <class Mutex> struct guarded_pair {
    Mutex mutex;
    long one = 0;
    long other = 0;

    void change() {
        std::scoped_lock const lock(mutex);
        one += 1;
        std::this_thread::yield(); // into whose time the fork falls
        other += 1;
    }

    /// 0: free and equal; 1: locked; 2: torn.
    [[nodiscard]] int state() {
        std::unique_lock const lock(mutex, std::try_to_lock);
        if (!lock.owns_lock()) {
            return 1;
        }
        return one == other ? 0 : 2;
    }
};

/// How many of the children do not have it free and equal.
template <class Mutex> int bad_children(int children) {
    static_cast<void>(memo::detail::this_thread_slot()); // the first one asks the loader
    static guarded_pair<Mutex> pair;
    static std::atomic<bool> done{false};
    int bad = 0;
    memo_test::together(3, [&](std::size_t i) {
        if (i != 0) {
            while (!done) {
                pair.change();
            }
            return;
        }
        for (int child = 0; child < children; ++child) {
            bad += memo_test::in_process([] { return pair.state(); }) != 0 ? 1 : 0;
        }
        done = true;
    });
    return bad;
}

} // namespace

// In a process that runs only this case; see watches_forks.
TEST_CASE("the handlers of fork are registered before the first use of memo") {
    auto const generation = [] {
        return static_cast<int>(
            memo::detail::process_wide<memo::detail::thread_slots>().generation());
    };
    int const child = memo_test::in_process(generation);
    CHECK(child == generation() + 1);
}

TEST_CASE("no child of fork has a mutex that another thread held") {
    CHECK(bad_children<memo::detail::mutex>(memo_test::trials(30)) == 0);
    CHECK(bad_children<memo::detail::shared_mutex>(memo_test::trials(30)) == 0);
}

TEST_CASE("a thread may fork while it holds a mutex, and continues in the child") {
    memo::detail::mutex mutex;
    memo::detail::mutex inner;
    std::unique_lock lock(mutex);
    CHECK(memo_test::in_process([&] {
              { std::scoped_lock const within(inner); }
              lock.unlock();
              lock.lock();
          }) == 0);
    std::scoped_lock const within(inner);
}

TEST_CASE("a thread in a section takes further mutexes while another one forks") {
    memo::detail::mutex outer;
    memo::detail::mutex inner;
    std::atomic<bool> holds{false};
    int child = -1;
    auto const& orders = memo::detail::process_wide<memo::detail::thread_slots>().orders();
    memo_test::together(2, [&](std::size_t i) {
        if (i == 0) {
            std::scoped_lock const lock(outer);
            holds = true;
            while (orders.forks == 0) {
                std::this_thread::yield();
            }
            std::scoped_lock const within(inner); // the fork waits for this
        } else {
            while (!holds) {
                std::this_thread::yield();
            }
            child = memo_test::in_process([&] { return inner.try_lock() ? 0 : 1; });
        }
    });
    CHECK(child == 0);
    CHECK(orders.forks == 0);
}

TEST_CASE("threads that fork at once, within sections and without, do not wait for each other") {
    memo::detail::mutex mutex;
    std::atomic<int> bad{0};
    memo_test::together(4, [&](std::size_t i) {
        memo::detail::mutex mine;
        for (int round = 0; round < memo_test::trials(10); ++round) {
            std::unique_lock lock(mine, std::defer_lock);
            if (i % 2 == 0) {
                lock.lock();
            }
            bad += memo_test::in_process([&] { std::scoped_lock const within(mutex); });
        }
    });
    CHECK(bad == 0);
}

TEST_CASE("a child counts one fork more and has only its own thread's slot") {
    auto& lines = memo::detail::process_wide<memo::detail::thread_slots>();
    auto const before = lines.generation();
    std::atomic<bool> done{false};
    int child = -1;
    memo_test::together(2, [&](std::size_t i) {
        auto const& mine = memo::detail::this_thread_slot();
        while (i == 0 && !done) {
            std::this_thread::yield();
        }
        if (i == 1) {
            child = memo_test::in_process([&] {
                bool const is_mine = &memo::detail::this_thread_slot() == &mine;
                return lines.generation() == before + 1 && lines.size() == 1 && is_mine ? 0 : 1;
            });
            done = true;
        }
    });
    CHECK(child == 0);
    CHECK(lines.generation() == before);
}
