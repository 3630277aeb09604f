// SPDX-License-Identifier: BSL-1.0
#pragma once

// Single-flight among processes. The lock of a key is one byte of a file, at an offset derived from
// the key: there is no file per key, and the kernel releases the lock when its owner dies. The wait
// for an owner that is alive but stopped, by a signal or a debugger, is bounded.

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

/// The lock of a process that computes one key. The threads of a process share it;
/// single_flight.hpp separates them.
///
/// The owner of write.lock never waits for a flight.
class disk_flight {
  public:
    /// Waits for the lock.
    ///
    /// environment     null: the data is not open; does not wait
    /// max_wait        afterwards the caller computes without the lock; 0: no limit
    disk_flight(disk_environment* environment, key128 scope, key128 key,
                std::chrono::nanoseconds max_wait) noexcept
        : disk_flight(environment, scope, key) {
        not_cancelled const guard;
        poll_for_lock([&] { return try_lock(); },
                      max_wait.count() == 0 ? (std::chrono::nanoseconds::max)() : max_wait);
    }

    /// The lock, if no other process has it.
    [[nodiscard]] static std::optional<disk_flight> try_acquire(disk_environment* environment,
                                                                key128 scope, key128 key) noexcept {
        not_cancelled const guard;
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
        if (is_held_ && lock_->was_valid_this_tick()) { // the function may have closed the file
            not_cancelled const guard;
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
            return nullptr; // several processes compute the key
        }
    }

    /// False if another process has the lock. True without locks: then several processes compute
    /// the key.
    bool try_lock() noexcept {
        if (lock_ != nullptr && lock_->was_valid_this_tick()) {
            try {
                is_held_ = lock_byte(*lock_, F_WRLCK, place_);
                return is_held_;
            } catch (error const&) {
                is_held_ = false;
            }
        }
        return true;
    }

    std::shared_ptr<file> lock_; ///< flight.lock of the environment at the begin
    std::int64_t place_;
    bool is_held_ = false;
};

} // namespace memo::detail
