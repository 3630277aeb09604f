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
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <new>
#endif

namespace memo::detail {

#if defined(__linux__)

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
        timespec const limit{max.count(), 0};
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, max.count() != 0 ? &limit : nullptr,
                  nullptr, 0);
    }
    return true;
}

MEMO_DEFINITION void wake_all(std::atomic<std::uint32_t>& word) noexcept {
    constexpr int all = 0x7fffffff;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, all, nullptr, nullptr, 0);
}

#else

/// The waiting threads of this module, whichever words they wait for. Never destroyed: threads may wait until
/// the process ends.
struct waiters {
    std::mutex mutex;
    std::condition_variable woken;

    static waiters& of_this_module() {
        alignas(waiters) static std::byte memory[sizeof(waiters)];
        static auto& all = *new (memory) waiters;
        return all;
    }
};

MEMO_DEFINITION bool wait_while(std::atomic<std::uint32_t> const& word, std::uint32_t value,
                                std::chrono::seconds max) noexcept {
    waiters& all = waiters::of_this_module();
    std::unique_lock lock(all.mutex);
    auto const has_changed = [&] { return word.load(std::memory_order_acquire) != value; };
    if (max.count() != 0) {
        return all.woken.wait_for(lock, max, has_changed);
    }
    all.woken.wait(lock, has_changed);
    return true;
}

// The lock orders this after the check of a thread that is about to wait.
MEMO_DEFINITION void wake_all(std::atomic<std::uint32_t>& /*word*/) noexcept {
    waiters& all = waiters::of_this_module();
    std::scoped_lock const lock(all.mutex);
    all.woken.notify_all();
}

#endif

} // namespace memo::detail
