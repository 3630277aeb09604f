// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lease of one key: the process that holds it computes the record, and all others that share the store
// wait for the record. It is a lock beside the record, which expires. The same idea as R. Nishtala et al.,
// "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.

#include <memo/detail/backoff.hpp>
#include <memo/detail/system/cancellation.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// Holds a lock from a successful take() until the end of the lease. If the lock expires before, another
/// process may hold it, and keeps it.
///
/// Lock            try_lock() returns whether the lock was free and is held now, or nothing if the store
///                 did not answer; unlock()
/// Thread safety:  none
template <class Lock> class lease {
  public:
    lease() = default; ///< never held
    explicit lease(Lock lock) : lock_(std::move(lock)) {}
    lease(lease&& other) noexcept
        : lock_(std::move(other.lock_)), holder_(std::exchange(other.holder_, 0)) {}
    lease& operator=(lease&&) = delete;
    ~lease() {
        // A forked child does not end the lease of its parent.
        if (holder_ != 0 && holder_ == ::getpid()) {
            not_cancelled const whole;
            try {
                lock_.unlock();
            } catch (std::exception const&) { // the lock expires
            }
        }
    }

    /// Returns:        whether it is held now; nothing if the store did not answer
    [[nodiscard]] std::optional<bool> take() {
        std::optional<bool> const is_locked = lock_.try_lock();
        if (is_locked.value_or(false)) {
            holder_ = ::getpid();
        }
        return is_locked;
    }

    /// Waits while another process holds it, and takes it then, unless the record is stored.
    ///
    /// is_stored       returns nothing if the store did not answer, which ends the wait; so does an
    ///                 exception, as of a user's serialize(): the caller does without the lock
    template <class Predicate>
    void wait(std::chrono::nanoseconds limit, Predicate const& is_stored) {
        // Thousands of workers may wait for one key, whose server answers all of them.
        backoff between(limit, backoff::microseconds(500), backoff::microseconds(16'000),
                        backoff::microseconds(250'000));
        try {
            while (between.wait() && !is_stored().value_or(true) && !take().value_or(true)) {
            }
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) { // the lookup that follows meets and counts it
        }
    }

  private:
    Lock lock_;
    pid_t holder_ = 0; ///< 0: nobody
};

} // namespace memo::detail
