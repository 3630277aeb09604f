// SPDX-License-Identifier: BSL-1.0
#pragma once

// The deadline of a whole operation: each of its waits gets the remaining time.

#include <cerrno>
#include <chrono>
#include <ctime>
#include <poll.h>
#include <sys/time.h>

namespace memo::detail {

/// The moment at which an operation must end.
class deadline {
  public:
    using clock = std::chrono::steady_clock;

    explicit deadline(std::chrono::nanoseconds after) : begun_(clock::now()), at_(begun_ + after) {}

    [[nodiscard]] clock::time_point begun() const noexcept { return begun_; }

    /// The remaining time, never negative.
    [[nodiscard]] std::chrono::nanoseconds remaining() const {
        auto const remaining = at_ - clock::now();
        return remaining.count() > 0 ? remaining : std::chrono::nanoseconds(0);
    }

  private:
    clock::time_point begun_;
    clock::time_point at_;
};

/// A time for SO_RCVTIMEO and SO_SNDTIMEO, rounded up: 0 would mean no limit, and a million us is invalid.
[[nodiscard]] inline timeval time_of(std::chrono::nanoseconds time) {
    auto const whole = std::chrono::ceil<std::chrono::microseconds>(time);
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(whole);
    return {static_cast<time_t>(seconds.count()),
            static_cast<suseconds_t>((whole - seconds).count())};
}

/// Waits until a descriptor is ready or has failed; the next operation on it reports the failure.
///
/// events          POLLIN or POLLOUT
/// Returns:        false at the deadline
/// Source:         POSIX.1-2008, poll; ppoll(2) for times below a millisecond
[[nodiscard]] inline bool wait_for(int descriptor, short events, deadline const& until) {
    for (;;) {
        auto const remaining = until.remaining();
        if (remaining.count() == 0) {
            return false;
        }
        auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(remaining);
        timespec const time{static_cast<time_t>(seconds.count()),
                            static_cast<long>((remaining - seconds).count())};
        pollfd waited{descriptor, events, 0};
        int const ready = ::ppoll(&waited, 1, &time, nullptr);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
    }
}

} // namespace memo::detail
