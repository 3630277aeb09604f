// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>

#include <atomic>
#include <cstdint>

namespace memo::detail {

/// Waits until no fork runs, and enters a section; the forking thread does not wait. If a fork takes too
/// long, a handler in it waits for a thread that waits here, so threads stop waiting for the fork.
[[gnu::noinline, gnu::cold, gnu::visibility("hidden")]] MEMO_DEFINITION void
enter_after_forks(thread_slot& slot) noexcept {
    std::uint32_t forks = 0;
    while (!slot.forks && (forks = slot.orders->forks.load(std::memory_order_seq_cst)) != 0) {
        slot.depth.store(0, std::memory_order_release);
        if (!wait_while(slot.orders->forks, forks, thread_slots::max_wait) &&
            slot.orders->forks.compare_exchange_strong(forks, 0)) {
            wake_all(slot.orders->forks);
        }
        slot.depth.store(1, std::memory_order_release);
        slot.publish(slot.depth);
    }
}

MEMO_DEFINITION void enter_fork_section() {
    thread_slot& slot = this_thread_slot();
    std::uint32_t const depth = slot.depth.load(std::memory_order_relaxed);
    slot.depth.store(depth + 1, std::memory_order_release);
    if (depth == 0) {
        slot.publish(slot.depth);
        if (slot.orders->forks.load(std::memory_order_acquire) != 0) [[unlikely]] {
            enter_after_forks(slot);
        }
    }
}

MEMO_DEFINITION void leave_fork_section() noexcept {
    thread_slot& slot = this_thread_slot(); // also if another module entered the section
    slot.depth.store(slot.depth.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

} // namespace memo::detail
