// SPDX-License-Identifier: BSL-1.0
#pragma once

// Mutexes that are safe across fork(). A child has one thread; a lock that another thread of its parent
// held would stay locked for ever, and its data half written. So fork() waits until no other thread is
// inside a section that these mutexes mark, and threads that want to enter one wait until the fork is over
// (docs/decisions/0051-fork.md).
//
// A section must be short: it runs no code of the user, which may fork or wait, and does not wait for other
// processes or the network.

#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

namespace memo::detail {

/// Waits until no fork runs, and enters a section. The thread that forks passes. A fork that takes too long
/// waits for a thread that waits here, so threads stop waiting for it.
[[gnu::noinline, gnu::cold, gnu::visibility("hidden")]] inline void
enter_after_forks(thread_slot& line) noexcept {
    std::uint32_t under_way = 0;
    while (!line.forks && (under_way = line.orders->forks.load(std::memory_order_seq_cst)) != 0) {
        line.depth.store(0, std::memory_order_release);
        if (!wait_while(line.orders->forks, under_way, thread_slots::max_wait) &&
            line.orders->forks.compare_exchange_strong(under_way, 0)) {
            wake_all(line.orders->forks);
        }
        line.depth.store(1, std::memory_order_release);
        line.publish(line.depth);
    }
}

/// Enters a section in which no other thread forks. Sections nest, across mutexes and modules.
///
/// Throws:         std::bad_alloc, as this_thread_slot
[[gnu::visibility("hidden")]] inline void enter_fork_section() {
    thread_slot& line = this_thread_slot();
    std::uint32_t const depth = line.depth.load(std::memory_order_relaxed);
    line.depth.store(depth + 1, std::memory_order_release);
    if (depth == 0) {
        line.publish(line.depth);
        if (line.orders->forks.load(std::memory_order_acquire) != 0) [[unlikely]] {
            enter_after_forks(line);
        }
    }
}

[[gnu::visibility("hidden")]] inline void leave_fork_section() noexcept {
    thread_slot& line = this_thread_slot(); // perhaps of another module than at entry
    line.depth.store(line.depth.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

/// A std::mutex or std::shared_mutex that only its own thread can hold in a child of fork().
///
/// Thread safety:  as Mutex
/// Throws:         also std::bad_alloc, only at a thread's first use of memo
template <class Mutex> class fork_safe {
  public:
    fork_safe() = default;
    fork_safe(fork_safe const&) = delete;
    fork_safe& operator=(fork_safe const&) = delete;

    void lock() {
        enter_fork_section();
        mutex_.lock();
    }
    [[nodiscard]] bool try_lock() {
        enter_fork_section();
        return entered(mutex_.try_lock());
    }
    void unlock() noexcept {
        mutex_.unlock();
        leave_fork_section();
    }

    void lock_shared() requires requires(Mutex& native) { native.lock_shared(); }
    {
        enter_fork_section();
        mutex_.lock_shared();
    }
    [[nodiscard]] bool try_lock_shared() requires requires(Mutex& native) { native.lock_shared(); }
    {
        enter_fork_section();
        return entered(mutex_.try_lock_shared());
    }
    void unlock_shared() noexcept requires requires(Mutex& native) { native.lock_shared(); }
    {
        mutex_.unlock_shared();
        leave_fork_section();
    }

  private:
    [[nodiscard]] static bool entered(bool locked) noexcept {
        if (!locked) {
            leave_fork_section();
        }
        return locked;
    }

    Mutex mutex_;
};

using mutex = fork_safe<std::mutex>;
using shared_mutex = fork_safe<std::shared_mutex>;

/// A section without a mutex, for the lifetime of the object.
class fork_section {
  public:
    fork_section() { enter_fork_section(); }
    fork_section(fork_section const&) = delete;
    fork_section& operator=(fork_section const&) = delete;
    ~fork_section() { leave_fork_section(); }
};

} // namespace memo::detail
