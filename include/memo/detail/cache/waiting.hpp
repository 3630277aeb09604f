// SPDX-License-Identifier: BSL-1.0
#pragma once

// The graph of waiting threads. A call that needs its own result, in one thread or in a cycle of threads,
// would wait for ever; a thread of the cycle throws instead. A thread in `many` with an executor waits for the
// threads that run its tasks; a cycle through a task that no thread runs yet is not detected.

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// The thread that runs an evaluation. A child of fork() has its parent's flights, but not their leaders.
struct flight_leader {
    flight_leader(); ///< the calling thread

    thread_slot const* thread;
    std::uint32_t generation;

    [[nodiscard]] bool is_of_this_process() const;
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
        edge(flight_base const* flight, void const* awaited_tasks, void const* running_tasks);
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
        ~follower();

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
        ~task_waiter();
    };

    /// A thread that runs one of these tasks.
    class task_runner : edge {
      public:
        explicit task_runner(void const* tasks);
        ~task_runner();
    };

    /// The number of threads that wait for a flight.
    [[nodiscard]] std::size_t count();

  private:
    /// In a child of fork(), removes the edges of the parent's threads. The caller holds the lock.
    void clear_after_fork() noexcept;

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
    void wait() const;

    /// Wakes the followers. The leader calls it once, when nobody can join any more.
    void complete() noexcept;

    /// The number of threads of the process that wait for any flight.
    [[nodiscard]] static std::size_t waiting();

  private:
    friend waiting_threads;

    [[nodiscard]] bool is_complete() const noexcept {
        return completed_.load(std::memory_order_acquire) != 0;
    }

    flight_leader const leader_;
    std::atomic<std::uint32_t> completed_{0};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "waiting.ipp"
#endif
