// SPDX-License-Identifier: BSL-1.0
#pragma once

// Single-flight among processes. The lock of a key is one byte of a file, at an offset derived from
// the key: there is no file per key, and the kernel releases the lock when its owner dies. The wait
// for an owner that is alive but stopped, by a signal or a debugger, is bounded.

#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace memo::detail {

class disk_environment;
class file;

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
                std::chrono::nanoseconds max_wait) noexcept;

    /// The lock, if no other process has it.
    [[nodiscard]] static std::optional<disk_flight> try_acquire(disk_environment* environment,
                                                                key128 scope, key128 key) noexcept;

    disk_flight(disk_flight&& other) noexcept;
    disk_flight& operator=(disk_flight&&) = delete;
    ~disk_flight();

  private:
    disk_flight(disk_environment* environment, key128 scope, key128 key) noexcept;

    /// False if another process has the lock. True without locks: then several processes compute
    /// the key.
    bool try_lock() noexcept;

    std::shared_ptr<file> lock_; ///< flight.lock of the environment at the begin
    std::int64_t place_;
    bool is_held_ = false;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED_DISK)
#include "disk_flight.ipp"
#endif
