// SPDX-License-Identifier: BSL-1.0
#pragma once

// Who waits for whom. A call that needs its own result, in one thread or in a circle of threads,
// would wait for ever; the thread that would close the circle is told so instead. What is visible
// here is so that a circle through plugins built with hidden visibility is one, too.

#include <memo/error.hpp>
#include <memo/flow/condition.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>

#if defined(__unix__)
#include <pthread.h>
#endif

namespace memo::detail {

class flight_base;

/// A thread, as far as flights are concerned.
struct traveller {
    flight_base const* waits_for = nullptr; ///< guarded by the circle's mutex

    [[gnu::visibility("default")]] static traveller& self() {
        static thread_local traveller me;
        return me;
    }
};

/// Counts the forks between the first process and this one: a child has its parent's flights, but
/// not their leaders.
class fork_generation {
  public:
    [[gnu::visibility("default")]] static unsigned current() {
#if defined(__unix__)
        static int const watched = pthread_atfork(nullptr, nullptr, [] { ++generation; });
        static_cast<void>(watched);
#endif
        return generation.load(std::memory_order_relaxed);
    }

  private:
    [[gnu::visibility("default")]] static inline std::atomic<unsigned> generation{0};
};

/// Who runs an evaluation: a thread of one process.
struct flight_leader {
    traveller const* thread = &traveller::self();
    unsigned generation = fork_generation::current();

    [[nodiscard]] bool is_of_this_process() const {
        return generation == fork_generation::current();
    }
    friend bool operator==(flight_leader const&, flight_leader const&) = default;
};

/// One evaluation that others wait for, without its result.
class flight_base {
  public:
    explicit flight_base(flight_leader leader) noexcept : leader_(leader.thread) {}

    /// Waits until the leader has landed.
    ///
    /// Throws:         memo::error (recursion) if the leader waits, maybe through others, for the
    ///                 calling thread
    void wait() const {
        traveller& me = traveller::self();
        std::unique_lock lock(circle().mutex);
        for (flight_base const* flight = this; flight != nullptr && !flight->landed_;
             flight = flight->leader_->waits_for) {
            if (flight->leader_ == &me) {
                throw error(errc::recursion,
                            "memoized call: the function needs its own result for the same "
                            "arguments, and so would never end; check its base case");
            }
        }
        me.waits_for = this;
        circle().waiting += 1;
        arrival_.wait(lock, [&] { return landed_; });
        circle().waiting -= 1;
        me.waits_for = nullptr;
    }

    /// Lets the followers go. Called once, by the leader, when no one can board any more.
    void land() {
        std::scoped_lock const lock(circle().mutex);
        landed_ = true;
        arrival_.notify_all();
    }

    /// How many threads of the process wait now, for whatever flight.
    [[nodiscard]] static std::size_t waiting() {
        std::scoped_lock const lock(circle().mutex);
        return circle().waiting;
    }

  private:
    struct all_who_wait {
        std::mutex mutex;
        std::size_t waiting = 0;
    };

    /// One lock for all flights that somebody waits for: waiting is rare and lasts as long as an
    /// evaluation.
    [[gnu::visibility("default")]] static all_who_wait& circle() {
        static auto* const all = new all_who_wait; // outlives every thread
        return *all;
    }

    traveller const* const leader_;
    bool landed_ = false;
    mutable condition arrival_;
};

} // namespace memo::detail
