// SPDX-License-Identifier: BSL-1.0
#pragma once

// One process computes what has a key; the others wait. A lock on one byte of a file, whose place is
// made of the key: no file per key, and the kernel frees it when its owner dies.

#include <memo/backends/disk/environment.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/opening.hpp>
#include <memo/key/key128.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace memo::detail {

/// The right to compute one key, among processes. The threads of one process are told apart by their
/// function's own flights (flow/single_flight.hpp), and share this lock.
///
/// Never waited for by who holds the right to write.
class disk_flight {
  public:
    disk_flight(disk_environment& environment, key128 scope, key128 key) noexcept
        : disk_flight(environment, place_of_flight(scope, key)) {
        if (lock_->is_open()) {
            try {
                lock_byte(*lock_, F_WRLCK, place_);
            } catch (error const&) { // several compute it then, and all get the same
                static_cast<void>(place_);
            }
        }
    }

    /// The right, if no other process has it now.
    [[nodiscard]] static std::optional<disk_flight> if_free(disk_environment& environment,
                                                            key128 scope, key128 key) noexcept {
        std::optional<disk_flight> mine;
        std::int64_t const place = place_of_flight(scope, key);
        file& lock = environment.flights();
        if (!lock.is_open() || try_lock_byte(lock, place)) {
            mine.emplace(disk_flight(environment, place));
        }
        return mine;
    }

    disk_flight(disk_flight&& other) noexcept
        : lock_(std::exchange(other.lock_, nullptr)), place_(other.place_) {}
    disk_flight& operator=(disk_flight&&) = delete;
    ~disk_flight() {
        if (lock_ != nullptr) {
            unlock_byte(*lock_, place_);
        }
    }

  private:
    disk_flight(disk_environment& environment, std::int64_t place) noexcept
        : lock_(&environment.flights()), place_(place) {}

    static std::int64_t place_of_flight(key128 scope, key128 key) noexcept {
        return static_cast<std::int64_t>((scope.low ^ key.low) >> 2U);
    }

    file* lock_;
    std::int64_t place_;
};

} // namespace memo::detail
