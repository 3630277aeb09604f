// SPDX-License-Identifier: BSL-1.0
#pragma once

// What threads wait for: std::condition_variable, without what else its header brings, which is
// <stop_token> (docs/decisions/0040-compile-time.md).

#include <mutex>
#include <pthread.h>

namespace memo::detail {

/// Thread safety:  safe; destroyed when nobody waits any more
class condition {
  public:
    condition() = default;
    condition(condition const&) = delete;
    condition& operator=(condition const&) = delete;
    ~condition() { ::pthread_cond_destroy(&native_); }

    /// Returns when `holds` gives true.
    ///
    /// lock            held, but not while it waits
    template <class Holds> void wait(std::unique_lock<std::mutex>& lock, Holds holds) {
        while (!holds()) {
            ::pthread_cond_wait(&native_, lock.mutex()->native_handle());
        }
    }

    /// Has all who wait look again.
    void notify_all() noexcept { ::pthread_cond_broadcast(&native_); }

  private:
    pthread_cond_t native_ = PTHREAD_COND_INITIALIZER;
};

} // namespace memo::detail
