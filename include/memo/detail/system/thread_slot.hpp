// SPDX-License-Identifier: BSL-1.0
#pragma once

// A cache line per thread that no other thread writes. In it the thread publishes that it reads memory which may
// be freed (detail/memory/reclaim.hpp), and that no fork may happen now (fork.hpp). So neither costs an atomic
// read-modify-write. The number of a slot selects the thread's counters.
//
// A thread that inspects the slots before it acts must see the store of a thread that then reads on: the store
// and the next load need a full barrier between them. sys_membarrier(2) lets the rare inspecting threads issue it
// for all threads, so the others pay for a plain store (the scheme of liburcu's membarrier flavour: Desnoyers et
// al. 2012, IEEE TPDS 23(2), section 4.3). After its store a thread checks whether it must issue the barrier
// itself: it must without that system call, and after a sandbox starts to refuse it.

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
        by_those_who_look, ///< for all threads
        unsettled,         ///< by each thread; some may learn it too late
        by_each_thread,
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

    // Under the lock of all lines.
    std::size_t users = 0; ///< the modules in which the thread uses it; 0: it is free
    pthread_t owner{};
    bool forks = false; ///< the thread is within fork()

    /// Issues the barrier after a write into this slot, if no other thread does.
    ///
    /// word            the word of this slot that was written last
    template <class Word> void publish(std::atomic<Word>& word) const noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (orders->barrier.load(std::memory_order_relaxed) !=
            thread_orders::barriers::by_those_who_look) [[unlikely]] {
            word.exchange(word.load(std::memory_order_relaxed), std::memory_order_seq_cst);
        }
    }
};

/// All slots: one object per process, see process_wide. A thread has one slot in all modules, and returns it when
/// it ends.
class thread_slots {
  public:
    /// How long threads wait for each other at a fork. They wait that long only if a pthread_atfork handler of the
    /// user waits for a lock whose owner calls a memoized function.
    static constexpr std::chrono::seconds max_wait{10};

    thread_slots() {
        if (enlist()) {
            orders_.barrier = thread_orders::barriers::by_those_who_look;
        }
        add_lines();
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
    thread_slot& take() {
        std::scoped_lock const lock(mutex_);
        watch_forks();
        thread_slot* found = line_of(::pthread_self());
        if (found == nullptr) {
            found = min_free();
        }
        if (found == nullptr) {
            add_lines();
            found = min_free();
        }
        found->owner = ::pthread_self();
        found->users += 1;
        return *found;
    }

    // The lock also orders the last writes of a thread before the first ones of the next owner of
    // its line.
    void give_back(thread_slot& line) noexcept {
        std::scoped_lock const lock(mutex_);
        line.users -= 1;
    }

    /// Calls visit(slot) for the slot of each thread.
    template <class Visit> void for_each(Visit visit) const noexcept {
        std::scoped_lock const lock(mutex_);
        for_each_line([&](thread_slot& line) {
            if (line.users != 0) {
                visit(line);
            }
        });
    }

    /// Returns when whatever a thread wrote into its line before it was told of something by a load
    /// that did not see what the caller has stored is seen by the caller.
    // If the call is refused, which worked before, threads are told to issue their barriers. Those who
    // were told so have issued one; those who looked before that have executed their store before. A
    // store that was executed waits in its processor's buffer, which no interrupt and no switch of
    // threads drops, until the processor has the line: for less than a microsecond. It is given 20
    // milliseconds, once (docs/decisions/0051-fork.md).
    void barrier_for_all() noexcept {
        using barriers = thread_orders::barriers;
        barriers const now = orders_.barrier.load(std::memory_order_seq_cst);
        if (now == barriers::by_each_thread ||
            (now == barriers::by_those_who_look && issue_barrier())) {
            return;
        }
        orders_.barrier.store(barriers::unsettled, std::memory_order_seq_cst);
        not_cancelled const whole; // nanosleep(2) is where a thread may be
        timespec left{0, 20'000'000};
        while (::nanosleep(&left, &left) != 0) {
        }
        orders_.barrier.store(barriers::by_each_thread, std::memory_order_seq_cst);
    }

  private:
    /// Slots per allocation: enough that most processes never allocate again.
    static constexpr std::size_t together = 32;
    struct some_lines {
        some_lines(thread_orders& orders, std::size_t first) {
            for (thread_slot& line : lines) {
                line.orders = &orders;
                line.number = first++;
            }
        }
        std::array<thread_slot, together> lines;
    };

    template <class Visit> void for_each_line(Visit visit) const noexcept {
        lines_.for_each([&](auto& some) {
            for (thread_slot& line : some.lines) {
                visit(line);
            }
        });
    }

    [[nodiscard]] thread_slot* line_of(pthread_t thread) const noexcept {
        thread_slot* found = nullptr;
        for_each_line([&](thread_slot& line) {
            if (line.users != 0 && ::pthread_equal(line.owner, thread) != 0) {
                found = &line;
            }
        });
        return found;
    }

    [[nodiscard]] thread_slot* min_free() const noexcept {
        thread_slot* found = nullptr;
        for_each_line([&](thread_slot& line) {
            if (line.users == 0 && (found == nullptr || line.number < found->number)) {
                found = &line;
            }
        });
        return found;
    }

    void add_lines() {
        next_number_ += together; // first, so that no number occurs twice in a child
        lines_.add(orders_, next_number_ - together);
    }

    // Forks.

    /// Registered once, by the first thread that takes a slot, under the lock.
    void watch_forks() {
        if (!watches_) {
            if (::pthread_atfork([] { process_wide<thread_slots>().before_fork(); },
                                 [] { process_wide<thread_slots>().after_fork_in_parent(); },
                                 [] { process_wide<thread_slots>().after_fork_in_child(); }) != 0) {
                throw std::bad_alloc();
            }
            watches_ = true;
        }
    }

    // The lock is not held during the fork: handlers of the user's run meanwhile and may wait for
    // threads that need it. Whoever has it then has changed single words, of lines that a child
    // resets, or linked lines that are whole; so the child makes the lock anew.

    /// Returns when no other thread is inside a fork section. Threads that want to enter one wait.
    void before_fork() noexcept {
        orders_.forks.fetch_add(1, std::memory_order_seq_cst);
        try {
            thread_slot& mine = take();
            std::scoped_lock const lock(mutex_);
            mine.forks = true;
        } catch (std::bad_alloc const&) { // it has no slot, and so is in no section
        }
        barrier_for_all();
        auto const end = std::chrono::steady_clock::now() + max_wait;
        while (!none_is_within() && std::chrono::steady_clock::now() < end) {
            ::sched_yield(); // a section lasts some memory accesses
        }
    }

    [[nodiscard]] bool none_is_within() const noexcept {
        std::scoped_lock const lock(mutex_);
        bool within = false;
        for_each_line([&](thread_slot const& line) {
            // Does not wait for threads that fork too: they would wait for each other.
            within = within || (line.users != 0 && !line.forks &&
                                line.depth.load(std::memory_order_seq_cst) != 0);
        });
        return !within;
    }

    void after_fork_in_parent() noexcept {
        {
            std::scoped_lock const lock(mutex_);
            no_longer_forks();
        }
        std::uint32_t forks = orders_.forks.load(std::memory_order_seq_cst);
        while (forks != 0 && // or it took too long
               !orders_.forks.compare_exchange_weak(forks, forks - 1, std::memory_order_seq_cst)) {
        }
        wake_all(orders_.forks);
    }

    void no_longer_forks() noexcept {
        if (thread_slot* const mine = line_of(::pthread_self()); mine != nullptr && mine->forks) {
            mine->forks = false;
            mine->users -= 1;
        }
    }

    /// In a child: the calling thread is the only one, and the slots of the others are free.
    void after_fork_in_child() noexcept {
        new (&mutex_) std::mutex;
        no_longer_forks();
        for_each_line([&](thread_slot& line) {
            if (::pthread_equal(line.owner, ::pthread_self()) == 0) {
                line.forks = false;
                line.epoch.store(0, std::memory_order_relaxed);
                line.depth.store(0, std::memory_order_relaxed);
                line.is_auditing = false;
                line.users = 0;
            }
        });
        if (orders_.barrier.load(std::memory_order_relaxed) !=
            thread_orders::barriers::by_each_thread) {
            orders_.barrier = enlist() ? thread_orders::barriers::by_those_who_look
                                       : thread_orders::barriers::by_each_thread;
        }
        generation_.fetch_add(1, std::memory_order_relaxed);
        orders_.forks.store(0, std::memory_order_relaxed);
    }

#if defined(__linux__)
    static bool enlist() noexcept {
        return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    }
    static bool issue_barrier() noexcept {
        return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    }
    static bool membarrier(int command) noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): there is no other way to call it
        return ::syscall(SYS_membarrier, command, 0, 0) == 0;
    }
#else
    static bool enlist() noexcept {
        return false;
    }
    static bool issue_barrier() noexcept {
        return false;
    }
#endif

    thread_orders orders_;
    std::atomic<std::uint32_t> generation_{0};
    mutable std::mutex mutex_; ///< not fork.hpp's, which needs the lines
    list<some_lines> lines_;
    std::size_t next_number_ = 0;
    bool watches_ = false; ///< forks
};

// One pointer per module; all point to the one slot of the thread.
[[gnu::visibility("hidden")]] inline constinit thread_local thread_slot* line_of_this_thread =
    nullptr;

/// The size of arrays of per-thread data. Threads beyond it have no place.
inline constexpr std::size_t no_place = 128;

[[nodiscard]] inline std::size_t place_of(thread_slot const& line) noexcept {
    return (std::min)(line.number, no_place);
}

/// The place of the calling thread; no_place until it has a slot in this module.
[[gnu::visibility("hidden")]] inline constinit thread_local std::size_t place_of_this_thread =
    no_place;

/// One per module: returns the slot of a thread when the thread ends. Not the destructor of a thread_local object:
/// glibc aborts the process if it has no memory to register one.
[[nodiscard, gnu::visibility("hidden")]] inline pthread_key_t key_of_lines() {
    static pthread_key_t const key = [] {
        pthread_key_t made{};
        auto const give_back = [](void* line) {
            line_of_this_thread = nullptr;
            place_of_this_thread = no_place;
            process_wide<thread_slots>().give_back(*static_cast<thread_slot*>(line));
        };
        if (::pthread_key_create(&made, give_back) != 0) {
            throw std::bad_alloc();
        }
        return made;
    }();
    return key;
}

/// Runs again if the thread still runs destructors after it has returned its slot.
[[gnu::noinline, gnu::visibility("hidden")]] inline thread_slot& lease_line() {
    pthread_key_t const key = key_of_lines();
    auto& lines = process_wide<thread_slots>();
    thread_slot& line = lines.take();
    if (::pthread_setspecific(key, &line) != 0) {
        lines.give_back(line);
        throw std::bad_alloc();
    }
    line_of_this_thread = &line;
    place_of_this_thread = place_of(line);
    return line;
}

/// The slot of the calling thread.
///
/// Complexity:     O(1); the first call in a thread takes a lock
/// Thread safety:  safe
/// Throws:         std::bad_alloc, only at the first call in a thread
[[nodiscard, gnu::visibility("hidden")]] inline thread_slot& this_thread_slot() {
    thread_slot* const line = line_of_this_thread;
    return line != nullptr ? *line : lease_line();
}

} // namespace memo::detail
