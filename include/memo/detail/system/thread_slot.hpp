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

#include <memo/detail/list.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/process.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
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

/// All slots: one object per process, see process_wide. A thread has one slot in all modules, and releases it
/// when it ends.
class thread_slots {
  public:
    /// How long threads wait for each other at a fork. They wait that long only if a pthread_atfork handler of
    /// the user waits for a lock whose owner calls a memoized function.
    static constexpr std::chrono::seconds max_wait{10};

    thread_slots() {
        if (register_barrier()) {
            orders_.barrier = thread_orders::barriers::by_inspectors;
        }
        add_slots();
    }
    thread_slots(thread_slots const&) = delete;
    thread_slots& operator=(thread_slots const&) = delete;

    [[nodiscard]] thread_orders& orders() noexcept { return orders_; }

    /// The number of forks between the first process and this one.
    [[nodiscard]] std::uint32_t generation() const noexcept {
        return generation_.load(std::memory_order_relaxed);
    }

    /// The slot of the calling thread, for one more module.
    ///
    /// Throws:         std::bad_alloc; not for the first threads
    thread_slot& acquire() {
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
    void release(thread_slot& slot) noexcept {
        std::scoped_lock const lock(mutex_);
        slot.users -= 1;
    }

    /// Calls visit(slot) for the slot of each thread.
    template <class Visit> void for_each(Visit visit) const noexcept {
        std::scoped_lock const lock(mutex_);
        for_each_slot([&](thread_slot& slot) {
            if (slot.users != 0) {
                visit(slot);
            }
        });
    }

    /// A full barrier in all threads: if a thread's load did not see a store that the caller made before this
    /// call, the caller sees after it what that thread wrote into its slot before the load.
    // If the system call worked before and is refused now, threads must issue their own barriers. A thread that
    // reads the new value issues one. A thread that read the old value has executed its store, which waits in
    // the processor's store buffer until the processor owns the cache line, for less than a microsecond;
    // neither interrupts nor thread switches discard it. So the caller sleeps 20 milliseconds, once
    // (docs/decisions/0051-fork.md).
    void barrier_for_all() noexcept {
        using barriers = thread_orders::barriers;
        barriers const now = orders_.barrier.load(std::memory_order_seq_cst);
        if (now == barriers::by_each_thread ||
            (now == barriers::by_inspectors && issue_barrier())) {
            return;
        }
        orders_.barrier.store(barriers::changing, std::memory_order_seq_cst);
        not_cancelled const deferred; // nanosleep(2) is a cancellation point
        timespec remaining{0, 20'000'000};
        while (::nanosleep(&remaining, &remaining) != 0) {
        }
        orders_.barrier.store(barriers::by_each_thread, std::memory_order_seq_cst);
    }

  private:
    /// Slots per allocation: enough that most processes never allocate again.
    static constexpr std::size_t block_size = 32;
    struct slot_block {
        slot_block(thread_orders& orders, std::size_t first_number) {
            for (thread_slot& slot : all) {
                slot.orders = &orders;
                slot.number = first_number++;
            }
        }
        std::array<thread_slot, block_size> all;
    };

    template <class Visit> void for_each_slot(Visit visit) const noexcept {
        blocks_.for_each([&](slot_block& block) {
            for (thread_slot& slot : block.all) {
                visit(slot);
            }
        });
    }

    [[nodiscard]] thread_slot* find(pthread_t thread) const noexcept {
        thread_slot* found = nullptr;
        for_each_slot([&](thread_slot& slot) {
            if (slot.users != 0 && ::pthread_equal(slot.owner, thread) != 0) {
                found = &slot;
            }
        });
        return found;
    }

    /// The free slot with the smallest number, or null.
    [[nodiscard]] thread_slot* find_free() const noexcept {
        thread_slot* found = nullptr;
        for_each_slot([&](thread_slot& slot) {
            if (slot.users == 0 && (found == nullptr || slot.number < found->number)) {
                found = &slot;
            }
        });
        return found;
    }

    void add_slots() {
        next_number_ += block_size; // first, so that no number occurs twice in a child
        blocks_.add(orders_, next_number_ - block_size);
    }

    // Forks.

    /// Registered once, by the first thread that takes a slot, under the lock.
    void watch_forks() {
        if (!watches_forks_) {
            if (::pthread_atfork([] { process_wide<thread_slots>().before_fork(); },
                                 [] { process_wide<thread_slots>().after_fork_in_parent(); },
                                 [] { process_wide<thread_slots>().after_fork_in_child(); }) != 0) {
                throw std::bad_alloc();
            }
            watches_forks_ = true;
        }
    }

    // The mutex is not held during the fork, because handlers of the user run then and may wait for threads
    // that need it. A thread that holds it at that moment has changed single words of slots, which a child
    // resets, or has linked a block, which is complete. So the child just creates a new mutex.

    /// Returns when no other thread is inside a fork section. Other threads then wait before they enter one.
    void before_fork() noexcept {
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

    /// Whether a thread is inside a fork section. Ignores threads that fork too, which would otherwise wait
    /// for each other.
    [[nodiscard]] bool has_sections() const noexcept {
        std::scoped_lock const lock(mutex_);
        bool result = false;
        for_each_slot([&](thread_slot const& slot) {
            result = result || (slot.users != 0 && !slot.forks &&
                                slot.depth.load(std::memory_order_seq_cst) != 0);
        });
        return result;
    }

    void after_fork_in_parent() noexcept {
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

    void end_fork() noexcept {
        if (thread_slot* const mine = find(::pthread_self()); mine != nullptr && mine->forks) {
            mine->forks = false;
            mine->users -= 1;
        }
    }

    /// In a child: the calling thread is the only one, and the slots of the others are free.
    void after_fork_in_child() noexcept {
        new (&mutex_) std::mutex;
        end_fork();
        for_each_slot([&](thread_slot& slot) {
            if (::pthread_equal(slot.owner, ::pthread_self()) == 0) {
                slot.forks = false;
                slot.epoch.store(0, std::memory_order_relaxed);
                slot.depth.store(0, std::memory_order_relaxed);
                slot.is_auditing = false;
                slot.users = 0;
            }
        });
        if (orders_.barrier.load(std::memory_order_relaxed) !=
            thread_orders::barriers::by_each_thread) {
            orders_.barrier = register_barrier() ? thread_orders::barriers::by_inspectors
                                                 : thread_orders::barriers::by_each_thread;
        }
        generation_.fetch_add(1, std::memory_order_relaxed);
        orders_.forks.store(0, std::memory_order_relaxed);
    }

#if defined(__linux__)
    static bool register_barrier() noexcept {
        return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    }
    static bool issue_barrier() noexcept {
        return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    }
    static bool membarrier(int command) noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): syscall(2) is variadic
        return ::syscall(SYS_membarrier, command, 0, 0) == 0;
    }
#else
    static bool register_barrier() noexcept {
        return false;
    }
    static bool issue_barrier() noexcept {
        return false;
    }
#endif

    thread_orders orders_;
    std::atomic<std::uint32_t> generation_{0};
    mutable std::mutex mutex_; ///< not a fork_safe mutex, which needs the slots
    list<slot_block> blocks_;
    std::size_t next_number_ = 0;
    bool watches_forks_ = false;
};

// Each module has its own pointer to the one slot of the thread; null before its first use.
[[gnu::visibility("hidden")]] inline constinit thread_local thread_slot* cached_thread_slot =
    nullptr;

/// The size of arrays of per-thread data. Threads with higher numbers have no place in them.
inline constexpr std::size_t no_place = 128;

[[nodiscard]] inline std::size_t place_of(thread_slot const& slot) noexcept {
    return (std::min)(slot.number, no_place);
}

/// The place of the calling thread; no_place until it has a slot in this module.
[[gnu::visibility("hidden")]] inline constinit thread_local std::size_t place_of_this_thread =
    no_place;

/// One key per module, whose destructor releases the slot of a thread when the thread ends. A thread_local
/// object would not do: glibc aborts the process if it has no memory to register its destructor.
[[nodiscard, gnu::visibility("hidden")]] inline pthread_key_t thread_slot_key() {
    static pthread_key_t const key = [] {
        pthread_key_t result{};
        auto const release = [](void* slot) {
            cached_thread_slot = nullptr;
            place_of_this_thread = no_place;
            process_wide<thread_slots>().release(*static_cast<thread_slot*>(slot));
        };
        if (::pthread_key_create(&result, release) != 0) {
            throw std::bad_alloc();
        }
        return result;
    }();
    return key;
}

/// Runs again if the thread runs destructors after it has released its slot.
[[gnu::noinline, gnu::visibility("hidden")]] inline thread_slot& acquire_thread_slot() {
    pthread_key_t const key = thread_slot_key();
    auto& registry = process_wide<thread_slots>();
    thread_slot& slot = registry.acquire();
    if (::pthread_setspecific(key, &slot) != 0) {
        registry.release(slot);
        throw std::bad_alloc();
    }
    cached_thread_slot = &slot;
    place_of_this_thread = place_of(slot);
    return slot;
}

/// The slot of the calling thread.
///
/// Complexity:     O(1); the first call in a thread takes a lock
/// Thread safety:  safe
/// Throws:         std::bad_alloc, only at the first call in a thread
[[nodiscard, gnu::visibility("hidden")]] inline thread_slot& this_thread_slot() {
    thread_slot* const slot = cached_thread_slot;
    return slot != nullptr ? *slot : acquire_thread_slot();
}

} // namespace memo::detail
