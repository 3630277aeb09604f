// SPDX-License-Identifier: BSL-1.0
#pragma once

// A randomized exponential backoff, for processes that contend for one item.

#include <memo/detail/system/compiled.hpp>

#include <chrono>
#include <cstdint>
#include <ratio>

namespace memo::detail {

/// Waits between the attempts of one operation: for random times, each about twice as long as the one
/// before, until a time limit.
///
/// Thread safety:  none
class backoff {
  public:
    using clock = std::chrono::steady_clock;
    using microseconds = std::chrono::duration<std::uint32_t, std::micro>;

    /// first_wait      0: the second attempt follows at once
    /// longest_wait    above max_wait, waits grow with the time since the start, to an eighth of it and at
    ///                 most to this
    backoff(std::chrono::nanoseconds limit, microseconds first_wait, microseconds max_wait,
            microseconds longest_wait = microseconds(0));

    /// Sleeps for half of the current wait to all of it; false, at once, when the limit has passed.
    [[nodiscard]] bool wait();

  private:
    clock::time_point begin_;
    clock::time_point until_;
    microseconds wait_;
    microseconds max_wait_;
    microseconds longest_wait_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "backoff.ipp"
#endif
