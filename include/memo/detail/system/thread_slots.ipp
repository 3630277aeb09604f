// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slots.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <mutex>
#include <new>
#include <pthread.h>
#include <sched.h>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace memo::detail {

namespace membarrier {

#if defined(__linux__)
MEMO_DEFINITION bool call(int command) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
    return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}
MEMO_DEFINITION bool enroll() noexcept {
    return call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}
MEMO_DEFINITION bool issue() noexcept {
    return call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
#else
MEMO_DEFINITION bool enroll() noexcept {
    return false;
}
MEMO_DEFINITION bool issue() noexcept {
    return false;
}
#endif

} // namespace membarrier

MEMO_DEFINITION thread_slots::slot_block::slot_block(thread_orders& orders,
                                                     std::size_t first_number) {
    for (thread_slot& slot : all) {
        slot.orders = &orders;
        slot.number = first_number++;
    }
}

MEMO_DEFINITION thread_slots::thread_slots() {
    if (membarrier::enroll()) {
        orders_.barrier = thread_orders::barriers::by_inspectors;
    }
    add_slots();
}

MEMO_DEFINITION thread_slots::~thread_slots() = default;

MEMO_DEFINITION thread_slot& thread_slots::acquire() {
    std::scoped_lock const lock(mutex_);
    watch_forks();
    thread_slot* slot = find(::pthread_self());
    if (slot == nullptr) {
        slot = find_free();
    }
    if (slot == nullptr) {
        add_slots();
        slot = find_free();
    }
    slot->owner = ::pthread_self();
    slot->users += 1;
    return *slot;
}

// The lock also orders the last writes of a thread before the first writes of the slot's next owner.
MEMO_DEFINITION void thread_slots::release(thread_slot& slot) noexcept {
    std::scoped_lock const lock(mutex_);
    slot.users -= 1;
}

MEMO_DEFINITION std::size_t thread_slots::size() const noexcept {
    std::scoped_lock const lock(mutex_);
    std::size_t sum = 0;
    for (slot_block const& block : blocks_) {
        for (thread_slot const& slot : block.all) {
            sum += slot.users != 0 ? 1U : 0U;
        }
    }
    return sum;
}

MEMO_DEFINITION std::uint64_t thread_slots::oldest_reader() const noexcept {
    std::scoped_lock const lock(mutex_);
    std::uint64_t oldest = (std::numeric_limits<std::uint64_t>::max)();
    for (slot_block const& block : blocks_) {
        for (thread_slot const& slot : block.all) {
            auto const epoch = slot.users != 0 ? slot.epoch.load(std::memory_order_seq_cst) : 0;
            oldest = epoch != 0 ? (std::min)(oldest, epoch) : oldest;
        }
    }
    return oldest;
}

// If the system call worked before and is refused now, threads must issue their own barriers. A thread that
// reads the new value issues one. A thread that read the old value has executed its store, which waits in
// the processor's store buffer until the processor owns the cache line, for less than a microsecond;
// neither interrupts nor thread switches discard it. So the caller sleeps 20 milliseconds, once
// (docs/decisions/0051-fork.md).
MEMO_DEFINITION void thread_slots::barrier_for_all() noexcept {
    using barriers = thread_orders::barriers;
    barriers const now = orders_.barrier.load(std::memory_order_seq_cst);
    if (now == barriers::by_each_thread ||
        (now == barriers::by_inspectors && membarrier::issue())) {
        return;
    }
    orders_.barrier.store(barriers::changing, std::memory_order_seq_cst);
    not_cancelled const deferred; // nanosleep(2) is a cancellation point
    timespec remaining{0, 20'000'000};
    while (::nanosleep(&remaining, &remaining) != 0) {
    }
    orders_.barrier.store(barriers::by_each_thread, std::memory_order_seq_cst);
}

MEMO_DEFINITION thread_slot* thread_slots::find(pthread_t thread) noexcept {
    for (slot_block& block : blocks_) {
        for (thread_slot& slot : block.all) {
            if (slot.users != 0 && ::pthread_equal(slot.owner, thread) != 0) {
                return &slot;
            }
        }
    }
    return nullptr;
}

MEMO_DEFINITION thread_slot* thread_slots::find_free() noexcept {
    thread_slot* found = nullptr;
    for (slot_block& block : blocks_) {
        for (thread_slot& slot : block.all) {
            if (slot.users == 0 && (found == nullptr || slot.number < found->number)) {
                found = &slot;
            }
        }
    }
    return found;
}

MEMO_DEFINITION void thread_slots::add_slots() {
    next_number_ += block_size; // first, so that no number occurs twice in a child
    blocks_.emplace_front(orders_, next_number_ - block_size);
}

MEMO_DEFINITION void thread_slots::watch_forks() {
#if !defined(_WIN32) // which has no fork
    if (!watches_forks_) {
        if (::pthread_atfork([] { process_wide<thread_slots>().before_fork(); },
                             [] { process_wide<thread_slots>().after_fork_in_parent(); },
                             [] { process_wide<thread_slots>().after_fork_in_child(); }) != 0) {
            throw std::bad_alloc();
        }
        watches_forks_ = true;
    }
#endif
}

// The mutex is not held during the fork, because handlers of the user run then and may wait for threads
// that need it. A thread that holds it at that moment has changed single words of slots, which a child
// resets, or has linked a block, which is complete. So the child just creates a new mutex.

MEMO_DEFINITION void thread_slots::before_fork() noexcept {
    orders_.forks.fetch_add(1, std::memory_order_seq_cst);
    try {
        thread_slot& mine = acquire();
        std::scoped_lock const lock(mutex_);
        mine.forks = true;
    } catch (std::bad_alloc const&) { // a thread without a slot is in no section
    }
    barrier_for_all();
    auto const end = std::chrono::steady_clock::now() + max_wait;
    while (has_sections() && std::chrono::steady_clock::now() < end) {
        ::sched_yield(); // a section takes some memory accesses
    }
}

MEMO_DEFINITION bool thread_slots::has_sections() const noexcept {
    std::scoped_lock const lock(mutex_);
    bool result = false;
    for (slot_block const& block : blocks_) {
        for (thread_slot const& slot : block.all) {
            result = result || (slot.users != 0 && !slot.forks &&
                                slot.depth.load(std::memory_order_seq_cst) != 0);
        }
    }
    return result;
}

MEMO_DEFINITION void thread_slots::after_fork_in_parent() noexcept {
    {
        std::scoped_lock const lock(mutex_);
        end_fork();
    }
    std::uint32_t forks = orders_.forks.load(std::memory_order_seq_cst);
    while (forks != 0 && // 0 if threads stopped waiting for this fork
           !orders_.forks.compare_exchange_weak(forks, forks - 1, std::memory_order_seq_cst)) {
    }
    wake_all(orders_.forks);
}

MEMO_DEFINITION void thread_slots::end_fork() noexcept {
    if (thread_slot* const mine = find(::pthread_self()); mine != nullptr && mine->forks) {
        mine->forks = false;
        mine->users -= 1;
    }
}

MEMO_DEFINITION void thread_slots::after_fork_in_child() noexcept {
    new (&mutex_) std::mutex;
    end_fork();
    for (slot_block& block : blocks_) {
        for (thread_slot& slot : block.all) {
            if (::pthread_equal(slot.owner, ::pthread_self()) == 0) {
                slot.forks = false;
                slot.epoch.store(0, std::memory_order_relaxed);
                slot.depth.store(0, std::memory_order_relaxed);
                slot.is_auditing = false;
                slot.users = 0;
            }
        }
    }
    if (orders_.barrier.load(std::memory_order_relaxed) !=
        thread_orders::barriers::by_each_thread) {
        orders_.barrier = membarrier::enroll() ? thread_orders::barriers::by_inspectors
                                               : thread_orders::barriers::by_each_thread;
    }
    generation_.fetch_add(1, std::memory_order_relaxed);
    orders_.forks.store(0, std::memory_order_relaxed);
}

} // namespace memo::detail
