// SPDX-License-Identifier: BSL-1.0
#pragma once

// A randomized exponential backoff, for processes that contend for one item.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

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
    backoff(std::chrono::nanoseconds limit, microseconds first_wait, microseconds max_wait)
        : until_(clock::now() + limit), wait_(first_wait), max_wait_(max_wait) {}

    /// Sleeps for half of the current wait to all of it; false, at once, when the limit has passed.
    [[nodiscard]] bool wait() {
        if (clock::now() >= until_) {
            return false;
        }
        if (wait_.count() != 0) {
            static thread_local std::minstd_rand random(std::random_device{}());
            std::uniform_int_distribution<std::uint32_t> time(wait_.count() / 2, wait_.count());
            std::this_thread::sleep_for(microseconds(time(random)));
        }
        constexpr microseconds min_wait(20); // about three round trips to a local server
        wait_ = std::clamp(2 * wait_, min_wait, max_wait_);
        return true;
    }

  private:
    clock::time_point until_;
    microseconds wait_;
    microseconds max_wait_;
};

} // namespace memo::detail
