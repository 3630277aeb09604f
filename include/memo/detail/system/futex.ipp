// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/system/futex.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

#if defined(__linux__)
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

namespace memo::detail {

MEMO_DEFINITION bool wait_while(std::atomic<std::uint32_t> const& word, std::uint32_t value,
                                std::chrono::seconds max) noexcept {
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

MEMO_DEFINITION void wake_all(std::atomic<std::uint32_t>& word) noexcept {
#if defined(__linux__)
    constexpr int all = 0x7fffffff;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, all, nullptr, nullptr, 0);
#else
    static_cast<void>(word);
#endif
}

} // namespace memo::detail
