// SPDX-License-Identifier: BSL-1.0
#pragma once

// The slots of all threads, and what happens to them at a fork.

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <mutex>
#include <pthread.h>

namespace memo::detail {

/// All slots: one object per process, see process_wide. A thread has one slot in all modules, and releases it
/// when it ends.
class thread_slots {
  public:
    /// How long threads wait for each other at a fork. They wait that long only if a pthread_atfork handler of
    /// the user waits for a lock whose owner calls a memoized function.
    static constexpr std::chrono::seconds max_wait{10};

    thread_slots();
    thread_slots(thread_slots const&) = delete;
    thread_slots& operator=(thread_slots const&) = delete;
    ~thread_slots();

    [[nodiscard]] thread_orders& orders() noexcept { return orders_; }

    /// The number of forks between the first process and this one.
    [[nodiscard]] std::uint32_t generation() const noexcept {
        return generation_.load(std::memory_order_relaxed);
    }

    /// The slot of the calling thread, for one more module.
    ///
    /// Throws:         std::bad_alloc; not for the first threads
    thread_slot& acquire();

    void release(thread_slot& slot) noexcept;

    /// The number of threads that have a slot.
    [[nodiscard]] std::size_t size() const noexcept;

    /// The epoch of the oldest read section of all threads; the largest number if there is none.
    [[nodiscard]] std::uint64_t oldest_reader() const noexcept;

    /// A full barrier in all threads: if a thread's load did not see a store that the caller made before this
    /// call, the caller sees after it what that thread wrote into its slot before the load.
    void barrier_for_all() noexcept;

  private:
    /// Slots per allocation: enough that most processes never allocate again.
    static constexpr std::size_t block_size = 32;
    struct slot_block {
        slot_block(thread_orders& orders, std::size_t first_number);
        std::array<thread_slot, block_size> all;
    };

    [[nodiscard]] thread_slot* find(pthread_t thread) noexcept;

    /// The free slot with the smallest number, or null.
    [[nodiscard]] thread_slot* find_free() noexcept;

    void add_slots();

    // Forks.

    /// Registered once, by the thread that loads the first module with memo, under the lock.
    void watch_forks();

    /// Returns when no other thread is inside a fork section. Other threads then wait before they enter one.
    void before_fork() noexcept;

    /// Whether a thread is inside a fork section. Ignores threads that fork too, which would otherwise wait
    /// for each other.
    [[nodiscard]] bool has_sections() const noexcept;

    void after_fork_in_parent() noexcept;
    void end_fork() noexcept;

    /// In a child: the calling thread is the only one, and the slots of the others are free.
    void after_fork_in_child() noexcept;

    thread_orders orders_;
    std::atomic<std::uint32_t> generation_{0};
    mutable std::mutex mutex_; ///< not a fork_safe mutex, which needs the slots
    std::forward_list<slot_block> blocks_;
    std::size_t next_number_ = 0;
    bool watches_forks_ = false;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "thread_slots.ipp"
#endif
