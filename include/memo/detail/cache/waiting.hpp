// SPDX-License-Identifier: BSL-1.0
#pragma once

// Who waits for whom. A call that needs its own result, in one thread or in a circle of threads,
// would wait for ever; a thread of the circle is told so instead. Threads also wait for each other by
// `many` with an executor, for the threads that run its tasks; for a task that no thread has begun yet
// there is nobody to be told.

#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slot.hpp>
#include <memo/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace memo::detail {

/// Who runs an evaluation: a thread of one process. A child has its parent's flights, but not their
/// leaders.
struct flight_leader {
    thread_slot const* thread = &this_thread_slot();
    std::uint32_t generation = process_wide<thread_slots>().generation();

    [[nodiscard]] bool is_of_this_process() const {
        return generation == process_wide<thread_slots>().generation();
    }
    friend bool operator==(flight_leader const&, flight_leader const&) = default;
};

class flight_base;

/// What threads wait for, and for which waits they run a task: one per process, see process_wide.
///
/// Thread safety:  safe
class waiting_threads {
    /// Something of one thread that lasts as long as the bond, which is on the thread's stack.
    class bond {
      public:
        bond(bond const&) = delete;
        bond& operator=(bond const&) = delete;

      protected:
        bond(flight_base const* followed, void const* awaited, void const* run)
            : followed_(followed), awaited_(awaited), run_(run) {}
        ~bond() = default;

        void add() noexcept;
        void remove();

        friend waiting_threads;

        flight_base const* const followed_; ///< the flight that it waits for; or null
        void const* const awaited_;         ///< the tasks whose end it waits for; or null
        void const* const run_;             ///< the tasks one of which it runs; or null
        flight_leader const me_;
        std::uint64_t seen_ = 0; ///< in which search
        bond* next_ = nullptr;
        bond* previous_ = nullptr;
    };

  public:
    /// A thread that waits for a flight.
    class follower : bond {
      public:
        /// Throws:         as check()
        explicit follower(flight_base const& flight);
        ~follower() { remove(); }

        /// Throws:         memo::error (recursion) if the leader waits, maybe through others, for the
        ///                 calling thread
        void check() const;

      private:
        void check_locked(waiting_threads& all) const;
    };

    /// A thread that waits for the end of all of some tasks.
    ///
    /// tasks           by their address
    class task_waiter : bond {
      public:
        explicit task_waiter(void const* tasks);
        ~task_waiter() { remove(); }
    };

    /// A thread that runs one of them.
    class task_runner : bond {
      public:
        explicit task_runner(void const* tasks);
        ~task_runner() { remove(); }
    };

    /// How many wait for a flight.
    [[nodiscard]] std::size_t count() {
        std::scoped_lock const lock(mutex_);
        forget_other_processes();
        std::size_t count = 0;
        for (bond const* each = first_; each != nullptr; each = each->next_) {
            count += each->followed_ != nullptr ? 1U : 0U;
        }
        return count;
    }

  private:
    /// A child has none of its parent's threads, and they are on their stacks. The lock is held.
    void forget_other_processes() noexcept {
        if (std::uint32_t const now = process_wide<thread_slots>().generation();
            generation_ != now) {
            generation_ = now;
            first_ = nullptr;
        }
    }

    /// Whether a flight is not completed before another thread goes on. The lock is held.
    [[nodiscard]] bool waits_for(flight_base const& flight, flight_leader const& other) noexcept;

    /// Whether a thread does not go on before another one does. The lock is held.
    [[nodiscard]] bool waits_for(flight_leader const& thread, flight_leader const& other) noexcept;

    mutex mutex_;
    bond* first_ = nullptr;
    std::uint64_t searches_ = 0;
    std::uint32_t generation_ = 0; ///< of forks, of the process in which they wait
};

/// One evaluation that others wait for, without its result.
class flight_base {
  public:
    explicit flight_base(flight_leader leader) noexcept : leader_(leader) {}

    /// Waits until the leader has landed.
    ///
    /// Throws:         memo::error (recursion) if the leader waits, maybe through others, for the
    ///                 calling thread
    void wait() const {
        if (!is_complete()) {
            waiting_threads::follower const me(*this);
            // A circle may be closed later, by a thread that waits for tasks: it is looked for again.
            while (wait_while(completed_, 0, std::chrono::seconds(1)), !is_complete()) {
                me.check();
            }
        }
    }

    /// Lets the followers go. Called once, by the leader, when no one can board any more.
    void complete() noexcept {
        completed_.store(1, std::memory_order_release);
        wake_all(completed_);
    }

    /// How many threads of the process wait now, for whatever flight.
    [[nodiscard]] static std::size_t waiting() { return process_wide<waiting_threads>().count(); }

  private:
    friend waiting_threads;

    [[nodiscard]] bool is_complete() const noexcept {
        return completed_.load(std::memory_order_acquire) != 0;
    }

    flight_leader const leader_;
    std::atomic<std::uint32_t> completed_{0};
};

inline bool waiting_threads::waits_for(flight_base const& flight,
                                       flight_leader const& other) noexcept {
    return !flight.is_complete() && waits_for(flight.leader_, other);
}

inline bool waiting_threads::waits_for(flight_leader const& thread,
                                       flight_leader const& other) noexcept {
    if (thread == other) {
        return true;
    }
    for (bond* each = first_; each != nullptr; each = each->next_) {
        if (each->me_ != thread || std::exchange(each->seen_, searches_) == searches_) {
            continue;
        }
        if (each->followed_ != nullptr && waits_for(*each->followed_, other)) {
            return true;
        }
        for (bond const* task = first_; each->awaited_ != nullptr && task != nullptr;
             task = task->next_) {
            if (task->run_ == each->awaited_ && waits_for(task->me_, other)) {
                return true;
            }
        }
    }
    return false;
}

inline void waiting_threads::bond::add() noexcept {
    auto& all = process_wide<waiting_threads>();
    next_ = all.first_;
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    all.first_ = this;
}

inline void waiting_threads::bond::remove() {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    if (me_.is_of_this_process()) {
        (previous_ != nullptr ? previous_->next_ : all.first_) = next_;
        if (next_ != nullptr) {
            next_->previous_ = previous_;
        }
    }
}

inline waiting_threads::follower::follower(flight_base const& flight)
    : bond(&flight, nullptr, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    check_locked(all);
    add();
}

inline void waiting_threads::follower::check() const {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    check_locked(all);
}

inline void waiting_threads::follower::check_locked(waiting_threads& all) const {
    ++all.searches_;
    if (all.waits_for(*followed_, me_)) {
        throw error(errc::recursion,
                    "memoized call: the function needs its own result for the same "
                    "arguments, and so would never end; check its base case");
    }
}

inline waiting_threads::task_waiter::task_waiter(void const* tasks)
    : bond(nullptr, tasks, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    add();
}

inline waiting_threads::task_runner::task_runner(void const* tasks)
    : bond(nullptr, nullptr, tasks) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    add();
}

} // namespace memo::detail
