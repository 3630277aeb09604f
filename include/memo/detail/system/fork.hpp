// SPDX-License-Identifier: BSL-1.0
#pragma once

// Mutexes that are safe across fork(). A child has one thread; a lock that another thread of its parent
// held would stay locked for ever, and its data half written. So fork() waits until no other thread is
// inside a fork section, which these mutexes mark, and threads enter no fork section until the fork has
// returned (docs/decisions/0051-fork.md).
//
// A section must be short: it runs no code of the user, which may fork or wait, and does not wait for other
// processes or the network.

#include <memo/detail/system/compiled.hpp>

#include <mutex>
#include <shared_mutex>

namespace memo::detail {

/// Enters a section in which no other thread forks. Sections nest, across mutexes and modules.
///
/// Throws:         std::bad_alloc, as this_thread_slot
[[gnu::visibility("hidden")]] void enter_fork_section();

[[gnu::visibility("hidden")]] void leave_fork_section() noexcept;

/// A std::mutex or std::shared_mutex that only its own thread can hold in a child of fork().
///
/// Thread safety:  as Mutex
/// Throws:         as Mutex; std::bad_alloc, only at a thread's first use of memo
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
        return leave_unless(mutex_.try_lock());
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
        return leave_unless(mutex_.try_lock_shared());
    }
    void unlock_shared() noexcept requires requires(Mutex& native) { native.lock_shared(); }
    {
        mutex_.unlock_shared();
        leave_fork_section();
    }

  private:
    [[nodiscard]] static bool leave_unless(bool locked) noexcept {
        if (!locked) {
            leave_fork_section();
        }
        return locked;
    }

    Mutex mutex_;
};

using mutex = fork_safe<std::mutex>;
#if defined(_WIN32)
/// A std::shared_mutex without sharing. That of mingw-w64's libstdc++ lets threads in together that lock it for the first
/// time at once (docs/decisions/0079-windows.md).
class unshared_mutex : public std::mutex {
  public:
    void lock_shared() { lock(); }
    [[nodiscard]] bool try_lock_shared() { return try_lock(); }
    void unlock_shared() noexcept { unlock(); }
};
using shared_mutex = fork_safe<unshared_mutex>;
#else
using shared_mutex = fork_safe<std::shared_mutex>;
#endif

/// A section without a mutex, for the lifetime of the object.
class fork_section {
  public:
    fork_section() { enter_fork_section(); }
    fork_section(fork_section const&) = delete;
    fork_section& operator=(fork_section const&) = delete;
    ~fork_section() { leave_fork_section(); }
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "fork.ipp"
#endif
