// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waiting for a word to change. A condition variable has state of its own, which a fork can tear; and
// std::atomic::wait counts those who wait in a table that modules may have one each of, so that one
// module does not wake whom another one has put to sleep. A futex knows the address of the word
// and nothing else.

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

/// Blocks while a word has a value. Who changes it calls wake_all then.
///
/// most            how long at most; 0: for any time
/// Returns:        false if it has the value still
inline bool wait_while(std::atomic<std::uint32_t> const& word, std::uint32_t value,
                       std::chrono::seconds most = std::chrono::seconds(0)) noexcept {
    std::chrono::steady_clock::time_point end{};
    if (most.count() != 0) {
        end = std::chrono::steady_clock::now() + most;
    }
    while (word.load(std::memory_order_acquire) == value) {
        if (most.count() != 0 && std::chrono::steady_clock::now() >= end) {
            return false;
        }
#if defined(__linux__)
        timespec const limit{most.count(), 0};
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): there is no other way to call it
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, most.count() != 0 ? &limit : nullptr,
                  nullptr, 0);
#else
        ::sched_yield();
#endif
    }
    return true;
}

/// Has all who wait look at the word again.
inline void wake_all(std::atomic<std::uint32_t>& word) noexcept {
#if defined(__linux__)
    constexpr int all = 0x7fffffff;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): there is no other way to call it
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, all, nullptr, nullptr, 0);
#else
    static_cast<void>(word);
#endif
}

} // namespace memo::detail
