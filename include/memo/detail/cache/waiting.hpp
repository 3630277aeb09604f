// SPDX-License-Identifier: BSL-1.0
#pragma once

// The graph of waiting threads. A call that needs its own result, in one thread or in a cycle of threads,
// would wait for ever; a thread of the cycle throws instead. A thread in `many` with an executor waits for the
// threads that run its tasks; a cycle through a task that no thread runs yet is not detected.

#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>
#include <memo/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace memo::detail {

/// The thread that runs an evaluation. A child of fork() has its parent's flights, but not their leaders.
struct flight_leader {
    thread_slot const* thread = &this_thread_slot();
    std::uint32_t generation = process_wide<thread_slots>().generation();

    [[nodiscard]] bool is_of_this_process() const {
        return generation == process_wide<thread_slots>().generation();
    }
    friend bool operator==(flight_leader const&, flight_leader const&) = default;
};

class flight_base;

/// The edges of the graph: one object per process, see process_wide.
///
/// Thread safety:  safe
class waiting_threads {
    /// An edge of one thread, for the lifetime of the object, which is on the thread's stack.
    class edge {
      public:
        edge(edge const&) = delete;
        edge& operator=(edge const&) = delete;

      protected:
        edge(flight_base const* flight, void const* awaited_tasks, void const* running_tasks)
            : flight_(flight), awaited_tasks_(awaited_tasks), running_tasks_(running_tasks) {}
        ~edge() = default;

        void add() noexcept;
        void remove();

        friend waiting_threads;

        flight_base const* const flight_; ///< the flight that the thread waits for; or null
        void const* const awaited_tasks_; ///< the tasks that the thread waits for; or null
        void const* const running_tasks_; ///< the tasks of which the thread runs one; or null
        flight_leader const thread_;
        std::uint64_t search_ = 0; ///< the last search that visited this
        edge* next_ = nullptr;
        edge* previous_ = nullptr;
    };

  public:
    /// A thread that waits for a flight.
    class follower : edge {
      public:
        /// Throws:         as check()
        explicit follower(flight_base const& flight);
        ~follower() { remove(); }

        /// Throws:         memo::error (recursion) if the leader waits, directly or through other threads,
        ///                 for the calling thread
        void check() const;

      private:
        void check_locked(waiting_threads& all) const;
    };

    /// A thread that waits for tasks.
    ///
    /// tasks           the address that identifies them
    class task_waiter : edge {
      public:
        explicit task_waiter(void const* tasks);
        ~task_waiter() { remove(); }
    };

    /// A thread that runs one of these tasks.
    class task_runner : edge {
      public:
        explicit task_runner(void const* tasks);
        ~task_runner() { remove(); }
    };

    /// The number of threads that wait for a flight.
    [[nodiscard]] std::size_t count() {
        std::scoped_lock const lock(mutex_);
        clear_after_fork();
        std::size_t count = 0;
        for (edge const* each = first_; each != nullptr; each = each->next_) {
            count += each->flight_ != nullptr ? 1U : 0U;
        }
        return count;
    }

  private:
    /// In a child of fork(), removes the edges of the parent's threads. The caller holds the lock.
    void clear_after_fork() noexcept {
        if (std::uint32_t const now = process_wide<thread_slots>().generation();
            generation_ != now) {
            generation_ = now;
            first_ = nullptr;
        }
    }

    /// Whether a flight completes only after another thread continues. The caller holds the lock.
    [[nodiscard]] bool waits_for(flight_base const& flight, flight_leader const& other) noexcept;

    /// Whether a thread continues only after another thread does. The caller holds the lock.
    [[nodiscard]] bool waits_for(flight_leader const& thread, flight_leader const& other) noexcept;

    mutex mutex_;
    edge* first_ = nullptr;
    std::uint64_t searches_ = 0;
    std::uint32_t generation_ = 0; ///< see thread_slots
};

/// One evaluation that others wait for, without its result.
class flight_base {
  public:
    explicit flight_base(flight_leader leader) noexcept : leader_(leader) {}

    /// Waits until the leader has completed.
    ///
    /// Throws:         memo::error (recursion) if the leader waits, directly or through other threads, for
    ///                 the calling thread
    void wait() const {
        if (!is_complete()) {
            waiting_threads::follower const me(*this);
            // A thread that waits for tasks may close a cycle later, so check again.
            while (wait_while(completed_, 0, std::chrono::seconds(1)), !is_complete()) {
                me.check();
            }
        }
    }

    /// Wakes the followers. The leader calls it once, when nobody can join any more.
    void complete() noexcept {
        completed_.store(1, std::memory_order_release);
        wake_all(completed_);
    }

    /// The number of threads of the process that wait for any flight.
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
    for (edge* each = first_; each != nullptr; each = each->next_) {
        if (each->thread_ != thread || std::exchange(each->search_, searches_) == searches_) {
            continue;
        }
        if (each->flight_ != nullptr && waits_for(*each->flight_, other)) {
            return true;
        }
        for (edge const* task = first_; each->awaited_tasks_ != nullptr && task != nullptr;
             task = task->next_) {
            if (task->running_tasks_ == each->awaited_tasks_ && waits_for(task->thread_, other)) {
                return true;
            }
        }
    }
    return false;
}

inline void waiting_threads::edge::add() noexcept {
    auto& all = process_wide<waiting_threads>();
    next_ = all.first_;
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    all.first_ = this;
}

inline void waiting_threads::edge::remove() {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    if (thread_.is_of_this_process()) {
        (previous_ != nullptr ? previous_->next_ : all.first_) = next_;
        if (next_ != nullptr) {
            next_->previous_ = previous_;
        }
    }
}

inline waiting_threads::follower::follower(flight_base const& flight)
    : edge(&flight, nullptr, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    check_locked(all);
    add();
}

inline void waiting_threads::follower::check() const {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    check_locked(all);
}

inline void waiting_threads::follower::check_locked(waiting_threads& all) const {
    ++all.searches_;
    if (all.waits_for(*flight_, thread_)) {
        throw error(errc::recursion,
                    "memoized call: the function needs its own result for the same "
                    "arguments, and so would never end; check its base case");
    }
}

inline waiting_threads::task_waiter::task_waiter(void const* tasks)
    : edge(nullptr, tasks, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    add();
}

inline waiting_threads::task_runner::task_runner(void const* tasks)
    : edge(nullptr, nullptr, tasks) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    add();
}

} // namespace memo::detail
