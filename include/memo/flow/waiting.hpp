// SPDX-License-Identifier: BSL-1.0
#pragma once

// Who waits for whom. A call that needs its own result, in one thread or in a circle of threads,
// would wait for ever; the thread that would close the circle is told so instead.

#include <memo/error.hpp>
#include <memo/fork.hpp>
#include <memo/futex.hpp>
#include <memo/process.hpp>
#include <memo/thread_line.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace memo::detail {

/// Who runs an evaluation: a thread of one process. A child has its parent's flights, but not their
/// leaders.
struct flight_leader {
    thread_line const* thread = &this_thread_line();
    std::uint32_t generation = process_wide<thread_lines>().generation();

    [[nodiscard]] bool is_of_this_process() const {
        return generation == process_wide<thread_lines>().generation();
    }
    friend bool operator==(flight_leader const&, flight_leader const&) = default;
};

class flight_base;

/// All threads that wait for a flight: one per process, see process_wide.
///
/// Thread safety:  safe
class waiting_threads {
  public:
    /// One of them, while it waits.
    class waiter {
      public:
        /// Throws:         memo::error (recursion) if the leader waits, maybe through others, for the
        ///                 calling thread
        explicit waiter(flight_base const& flight);
        waiter(waiter const&) = delete;
        waiter& operator=(waiter const&) = delete;
        ~waiter();

      private:
        friend waiting_threads;

        flight_base const& flight_;
        flight_leader const me_;
        waiter* next_ = nullptr;
        waiter* previous_ = nullptr;
    };

    /// How many there are.
    [[nodiscard]] std::size_t count() {
        std::scoped_lock const lock(mutex_);
        forget_other_processes();
        std::size_t count = 0;
        for (waiter const* each = first_; each != nullptr; each = each->next_) {
            ++count;
        }
        return count;
    }

  private:
    /// A child has none of its parent's threads, and they are on their stacks. The lock is held.
    void forget_other_processes() noexcept {
        if (std::uint32_t const now = process_wide<thread_lines>().generation();
            generation_ != now) {
            generation_ = now;
            first_ = nullptr;
        }
    }

    /// What a thread waits for. The lock is held.
    [[nodiscard]] flight_base const* flight_of(flight_leader const& thread) const noexcept {
        waiter const* each = first_;
        while (each != nullptr && each->me_ != thread) {
            each = each->next_;
        }
        return each != nullptr ? &each->flight_ : nullptr;
    }

    mutex mutex_;
    waiter* first_ = nullptr;
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
        if (!has_landed()) {
            waiting_threads::waiter const me(*this);
            wait_while(landed_, 0);
        }
    }

    /// Lets the followers go. Called once, by the leader, when no one can board any more.
    void land() noexcept {
        landed_.store(1, std::memory_order_release);
        wake_all(landed_);
    }

    /// How many threads of the process wait now, for whatever flight.
    [[nodiscard]] static std::size_t waiting() { return process_wide<waiting_threads>().count(); }

  private:
    friend waiting_threads;

    [[nodiscard]] bool has_landed() const noexcept {
        return landed_.load(std::memory_order_acquire) != 0;
    }

    flight_leader const leader_;
    std::atomic<std::uint32_t> landed_{0};
};

inline waiting_threads::waiter::waiter(flight_base const& flight) : flight_(flight) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.forget_other_processes();
    for (flight_base const* each = &flight; each != nullptr && !each->has_landed();
         each = all.flight_of(each->leader_)) {
        if (each->leader_ == me_) {
            throw error(errc::recursion,
                        "memoized call: the function needs its own result for the same "
                        "arguments, and so would never end; check its base case");
        }
    }
    next_ = all.first_;
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    all.first_ = this;
}

inline waiting_threads::waiter::~waiter() {
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

} // namespace memo::detail
