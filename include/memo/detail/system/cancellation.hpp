// SPDX-License-Identifier: BSL-1.0
#pragma once

// Thread cancellation: pthread_cancel(3) unwinds a thread like an exception. The process aborts if code
// catches that exception without rethrowing, or if it leaves a noexcept function.

#include <cxxabi.h>
#include <pthread.h>

namespace memo::detail {

/// The exception that unwinds a cancelled thread. Catch it before all others, and rethrow it. libc++abi has no type
/// for it: there a thread that is cancelled in user code that memo calls ends the process.
#if defined(_LIBCPPABI_VERSION)
class thread_cancelled {};
#else
using thread_cancelled = abi::__forced_unwind;
#endif

/// Defers the cancellation of its thread, so that an operation completes.
class not_cancelled {
  public:
    not_cancelled() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    not_cancelled(not_cancelled const&) = delete;
    not_cancelled& operator=(not_cancelled const&) = delete;
    ~not_cancelled() {
        int ignored = 0;
        ::pthread_setcancelstate(before_, &ignored);
    }

  private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

} // namespace memo::detail
