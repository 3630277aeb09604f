// SPDX-License-Identifier: BSL-1.0
#pragma once

// A thread that pthread_cancel(3) ends is unwound like by an exception, which ends the process where
// it is caught and not thrown on, or where it leaves a noexcept function.

#include <cxxabi.h>
#include <pthread.h>

namespace memo::detail {

/// What unwinds a cancelled thread. Caught before everything else is, and thrown on.
using thread_cancelled = abi::__forced_unwind;

/// While one lives, its thread is not cancelled: what is half done is done first.
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
