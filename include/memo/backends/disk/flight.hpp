// SPDX-License-Identifier: BSL-1.0
#pragma once

// One process computes what has a key; the others wait. A lock on one byte of a file, whose place is
// made of the key: no file per key, and the kernel frees it when its owner dies. An owner that is alive
// and does not go on, stopped by a signal or by a debugger, is waited for no longer than a bound.

#include <memo/backends/disk/environment.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/opening.hpp>
#include <memo/cancellation.hpp>
#include <memo/key/key128.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>

namespace memo::detail {

/// The right to compute one key, among processes. The threads of one process are told apart by their
/// function's own flights (flow/single_flight.hpp), and share this lock.
///
/// Never waited for by who holds the right to write.
class disk_flight {
  public:
    /// Waits for the right.
    ///
    /// most            how long; who has waited that long computes without it. 0: for ever
    disk_flight(disk_environment& environment, key128 scope, key128 key,
                std::chrono::nanoseconds most) noexcept
        : disk_flight(environment, scope, key) {
        not_cancelled const whole;
        static_cast<void>(most.count() == 0 ? lock(F_OFD_SETLKW) : wait(most));
    }

    /// The right, if no other process has it now.
    [[nodiscard]] static std::optional<disk_flight> if_free(disk_environment& environment,
                                                            key128 scope, key128 key) noexcept {
        not_cancelled const whole;
        std::optional<disk_flight> mine(disk_flight(environment, scope, key));
        if (!mine->lock(F_OFD_SETLK)) {
            mine.reset();
        }
        return mine;
    }

    disk_flight(disk_flight&& other) noexcept
        : lock_(std::move(other.lock_)),
          place_(other.place_),
          held_(std::exchange(other.held_, false)) {}
    disk_flight& operator=(disk_flight&&) = delete;
    ~disk_flight() {
        if (held_) {
            not_cancelled const whole;
            unlock_byte(*lock_, place_);
        }
    }

  private:
    disk_flight(disk_environment& environment, key128 scope, key128 key) noexcept
        : lock_(lock_of(environment)),
          place_(static_cast<std::int64_t>((scope.low ^ key.low) >> 2U)) {}

    static std::shared_ptr<file> lock_of(disk_environment& environment) noexcept {
        try {
            return environment.flights();
        } catch (std::bad_alloc const&) {
            return nullptr; // several compute one key
        }
    }

    /// False if another process has it and `command` does not wait. Where locks cannot be had, several
    /// compute one key, and all get the same.
    bool lock(int command) noexcept {
        if (lock_ && lock_->is_open()) {
            try {
                held_ = lock_byte(*lock_, F_WRLCK, place_, command);
                return held_;
            } catch (error const&) {
                held_ = false;
            }
        }
        return true;
    }

    // There is no lock of an open file with a time limit, so it is asked for again and again: at first
    // at once, then at a sixteenth of the time that has passed, so that no wait is much longer than
    // the evaluation that it waits for.
    bool wait(std::chrono::nanoseconds most) noexcept {
        using clock = std::chrono::steady_clock;
        constexpr std::chrono::nanoseconds shortest = std::chrono::microseconds(50);
        constexpr std::chrono::nanoseconds longest = std::chrono::milliseconds(20);
        auto const begin = clock::now();
        while (!lock(F_OFD_SETLK)) {
            auto const waited = clock::now() - begin;
            if (waited >= most) {
                return false;
            }
            std::this_thread::sleep_for(
                std::clamp(std::chrono::nanoseconds(waited) / 16, shortest,
                           (std::min)(longest, (std::max)(shortest, most - waited))));
        }
        return true;
    }

    std::shared_ptr<file> lock_; ///< that of the files that were open when it began
    std::int64_t place_;
    bool held_ = false;
};

} // namespace memo::detail
