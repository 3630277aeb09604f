// SPDX-License-Identifier: BSL-1.0
#pragma once

// A cache line per thread that no other thread writes. In it the thread publishes that it reads memory which
// may be freed (detail/memory/reclaim.hpp), and that no fork may happen now (fork.hpp). So neither costs an
// atomic read-modify-write. The number of a slot selects the thread's counters.
//
// A thread that inspects the slots before it acts must see the store of a thread that then reads on: the
// store and the next load need a full barrier between them. sys_membarrier(2) lets the rare inspecting
// threads issue it for all threads, so the others pay for a plain store (the scheme of liburcu's membarrier
// flavour: Desnoyers et al. 2012, IEEE TPDS 23(2), section 4.3). After its store a thread checks whether it
// must issue the barrier itself: it must if that system call is missing, or refused by a sandbox.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <pthread.h>

namespace memo::detail {

/// State that threads read after they have written into their slots. Rarely written.
struct alignas(128) thread_orders {
    /// Which threads issue the barrier between a thread's write into its slot and its next read.
    enum class barriers : std::uint8_t {
        by_inspectors,  ///< for all threads
        changing,       ///< each thread; some threads may not have seen this value yet
        by_each_thread, ///< each thread
    };

    std::atomic<std::uint64_t> epoch{1}; ///< see detail/memory/reclaim.hpp
    std::atomic<barriers> barrier{barriers::by_each_thread};
    std::atomic<std::uint32_t> forks{0}; ///< running
};

struct alignas(128) thread_slot {
    std::atomic<std::uint64_t> epoch{0}; ///< of the thread's outermost read section; 0: not reading
    std::atomic<std::uint32_t> depth{0}; ///< of the thread's fork sections
    bool is_auditing = false;            ///< read and written by the thread alone
    thread_orders* orders = nullptr;
    std::size_t number = 0; ///< 0, 1, 2, …: no two live threads have the same one

    // Guarded by the mutex of thread_slots.
    std::size_t users = 0; ///< the modules in which the thread uses it; 0: it is free
    pthread_t owner{};
    bool forks = false; ///< whether the thread is inside fork()

    /// Issues the barrier after a write into this slot, if no other thread does.
    ///
    /// word            the word of this slot that was written last
    template <class Word> void publish(std::atomic<Word>& word) const noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (orders->barrier.load(std::memory_order_relaxed) !=
            thread_orders::barriers::by_inspectors) [[unlikely]] {
            word.exchange(word.load(std::memory_order_relaxed), std::memory_order_seq_cst);
        }
    }
};

} // namespace memo::detail
