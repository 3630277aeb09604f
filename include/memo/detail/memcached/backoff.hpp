// SPDX-License-Identifier: BSL-1.0
#pragma once

// How two who want one thing get out of each other's way.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

namespace memo::detail {

/// The tries of one update. Each conflict means that another update has got through, so what is
/// bounded is time, and generously: 20 operations.
class patience {
  public:
    using clock = std::chrono::steady_clock;

    explicit patience(std::chrono::nanoseconds operation_timeout)
        : until_(clock::now() + 20 * operation_timeout) {}

    /// Waits a random while, longer from one conflict to the next; false when it is enough.
    [[nodiscard]] bool lasts() {
        constexpr std::uint32_t first_wait = 20; // us, about three round trips
        constexpr std::uint32_t doublings = 5;
        if (clock::now() >= until_) {
            return false;
        }
        if (conflicts_ > 0) {
            std::uint32_t const most = first_wait << (std::min)(conflicts_ - 1, doublings);
            static thread_local std::minstd_rand random(std::random_device{}());
            std::uniform_int_distribution<std::uint32_t> wait(0, most);
            std::this_thread::sleep_for(std::chrono::microseconds(wait(random)));
        }
        ++conflicts_;
        return true;
    }

  private:
    clock::time_point until_;
    std::uint32_t conflicts_ = 0;
};

/// Waits for what another process does.
class backoff {
  public:
    using clock = std::chrono::steady_clock;

    explicit backoff(std::chrono::nanoseconds at_most) : until_(clock::now() + at_most) {}

    /// Waits a random while: up to 0.5 ms at first, up to 16 ms at last; false when it is enough.
    [[nodiscard]] bool lasts() {
        constexpr std::uint32_t last_wait = 16'000;
        if (clock::now() >= until_) {
            return false;
        }
        static thread_local std::minstd_rand random(std::random_device{}());
        std::uniform_int_distribution<std::uint32_t> wait(most_ / 2, most_);
        std::this_thread::sleep_for(std::chrono::microseconds(wait(random)));
        most_ = (std::min)(2 * most_, last_wait);
        return true;
    }

  private:
    clock::time_point until_;
    std::uint32_t most_ = 500; // us
};

} // namespace memo::detail
