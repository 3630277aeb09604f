// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/system/cancellation.hpp>

#include <fcntl.h>
#include <new>
#include <utility>

namespace memo::detail {

MEMO_DISK_DEFINITION std::shared_ptr<file> lock_of_flights(disk_environment* environment) noexcept {
    try {
        return environment != nullptr ? environment->flights() : nullptr;
    } catch (std::bad_alloc const&) {
        return nullptr; // several processes compute the key
    }
}

MEMO_DISK_DEFINITION disk_flight::disk_flight(disk_environment* environment, key128 scope,
                                              key128 key) noexcept
    : lock_(lock_of_flights(environment)),
      place_(static_cast<std::int64_t>((scope.low ^ key.low) >> 2U)) {}

MEMO_DISK_DEFINITION disk_flight::disk_flight(disk_environment* environment, key128 scope,
                                              key128 key,
                                              std::chrono::nanoseconds max_wait) noexcept
    : disk_flight(environment, scope, key) {
    not_cancelled const guard;
    poll_for_lock([&] { return try_lock(); },
                  max_wait.count() == 0 ? (std::chrono::nanoseconds::max)() : max_wait);
}

MEMO_DISK_DEFINITION std::optional<disk_flight>
disk_flight::try_acquire(disk_environment* environment, key128 scope, key128 key) noexcept {
    not_cancelled const guard;
    std::optional<disk_flight> flight(disk_flight(environment, scope, key));
    if (!flight->try_lock()) {
        flight.reset();
    }
    return flight;
}

MEMO_DISK_DEFINITION disk_flight::disk_flight(disk_flight&& other) noexcept
    : lock_(std::move(other.lock_)),
      place_(other.place_),
      is_held_(std::exchange(other.is_held_, false)) {}

MEMO_DISK_DEFINITION disk_flight::~disk_flight() {
    if (is_held_ && lock_->was_valid_this_tick()) { // the function may have closed the file
        not_cancelled const guard;
        unlock_byte(*lock_, place_);
    }
}

MEMO_DISK_DEFINITION bool disk_flight::try_lock() noexcept {
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

} // namespace memo::detail
