// SPDX-License-Identifier: BSL-1.0
#pragma once

// One process computes what has a key; the others wait. A lock on one byte of a file, whose place is
// made of the key: no file per key, and the kernel frees it when its owner dies.

#include <memo/backends/disk/environment.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/opening.hpp>
#include <memo/key/key128.hpp>

#include <cstdint>

namespace memo::detail {

/// The right to compute one key, among processes. The threads of one process are told apart by their
/// function's own flights (flow/single_flight.hpp), and share this lock.
///
/// Never waited for by who holds the right to write.
class disk_flight {
  public:
    disk_flight(disk_environment& environment, key128 scope, key128 key) noexcept
        : lock_(environment.flights()),
          place_(static_cast<std::int64_t>((scope.low ^ key.low) >> 2U)) {
        if (lock_.is_open()) {
            try {
                lock_byte(lock_, F_WRLCK, place_);
            } catch (error const&) { // several compute it then, and all get the same
                static_cast<void>(place_);
            }
        }
    }
    disk_flight(disk_flight const&) = delete;
    disk_flight& operator=(disk_flight const&) = delete;
    ~disk_flight() { unlock_byte(lock_, place_); }

  private:
    file& lock_;
    std::int64_t place_;
};

} // namespace memo::detail
