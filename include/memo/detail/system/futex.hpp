// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waits for a word to change. A condition variable has state that a fork can corrupt. std::atomic::wait counts
// its waiters in a table, of which each module may have its own copy, so a wake-up in one module misses the
// waiters of another. A futex depends on the address of the word alone.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <sched.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace memo::detail {

/// Blocks while the word has the value. A thread that changes the word must call wake_all.
///
/// max             longest wait; 0: no limit
/// Returns:        false if the word still has the value
inline bool wait_while(std::atomic<std::uint32_t> const& word, std::uint32_t value,
                       std::chrono::seconds max = std::chrono::seconds(0)) noexcept {
    std::chrono::steady_clock::time_point end{};
    if (max.count() != 0) {
        end = std::chrono::steady_clock::now() + max;
    }
    while (word.load(std::memory_order_acquire) == value) {
        if (max.count() != 0 && std::chrono::steady_clock::now() >= end) {
            return false;
        }
#if defined(__linux__)
        timespec const limit{max.count(), 0};
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, max.count() != 0 ? &limit : nullptr,
                  nullptr, 0);
#else
        ::sched_yield();
#endif
    }
    return true;
}

/// Wakes all waiters; they read the word again.
inline void wake_all(std::atomic<std::uint32_t>& word) noexcept {
#if defined(__linux__)
    constexpr int all = 0x7fffffff;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, all, nullptr, nullptr, 0);
#else
    static_cast<void>(word);
#endif
}

} // namespace memo::detail
