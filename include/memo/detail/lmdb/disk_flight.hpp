// SPDX-License-Identifier: BSL-1.0
#pragma once

// One process computes the result of a key; the others wait. The lock is one byte of a file, at an offset
// made of the key: there is no file per key, and the kernel frees it when its owner dies. The wait for an
// owner that is alive but stopped, by a signal or a debugger, is bounded.

#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/key128.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace memo::detail {

/// The right to compute one key, among processes. The threads of one process share this lock; their
/// function's own flights (detail/cache/single_flight.hpp) keep them apart.
///
/// A holder of write.lock never waits for it.
class disk_flight {
  public:
    /// Waits for the right.
    ///
    /// environment     null: the data is not open, and there is no wait
    /// max_wait            after which the caller computes without the right; 0: for ever
    disk_flight(disk_environment* environment, key128 scope, key128 key,
                std::chrono::nanoseconds max_wait) noexcept
        : disk_flight(environment, scope, key) {
        not_cancelled const whole;
        poll_for_lock([&] { return try_lock(); },
                      max_wait.count() == 0 ? (std::chrono::nanoseconds::max)() : max_wait);
    }

    /// The right, if no other process has it now.
    [[nodiscard]] static std::optional<disk_flight> if_free(disk_environment* environment,
                                                            key128 scope, key128 key) noexcept {
        not_cancelled const whole;
        std::optional<disk_flight> flight(disk_flight(environment, scope, key));
        if (!flight->try_lock()) {
            flight.reset();
        }
        return flight;
    }

    disk_flight(disk_flight&& other) noexcept
        : lock_(std::move(other.lock_)),
          place_(other.place_),
          is_held_(std::exchange(other.is_held_, false)) {}
    disk_flight& operator=(disk_flight&&) = delete;
    ~disk_flight() {
        if (is_held_ && lock_->was_ours_lately()) { // the function may have closed all files
            not_cancelled const whole;
            unlock_byte(*lock_, place_);
        }
    }

  private:
    disk_flight(disk_environment* environment, key128 scope, key128 key) noexcept
        : lock_(lock_of(environment)),
          place_(static_cast<std::int64_t>((scope.low ^ key.low) >> 2U)) {}

    static std::shared_ptr<file> lock_of(disk_environment* environment) noexcept {
        try {
            return environment != nullptr ? environment->flights() : nullptr;
        } catch (std::bad_alloc const&) {
            return nullptr; // several compute one key
        }
    }

    /// False if another process has it. Where locks cannot be had, several compute one key, and all get
    /// the same.
    bool try_lock() noexcept {
        if (lock_ != nullptr && lock_->was_ours_lately()) {
            try {
                is_held_ = lock_byte(*lock_, F_WRLCK, place_);
                return is_held_;
            } catch (error const&) {
                is_held_ = false;
            }
        }
        return true;
    }

    std::shared_ptr<file> lock_; ///< that of the files that were open when it began
    std::int64_t place_;
    bool is_held_ = false;
};

} // namespace memo::detail
