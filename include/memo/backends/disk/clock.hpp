// SPDX-License-Identifier: BSL-1.0
#pragma once

// When a record was last asked for, told by a byte of a table that all processes share: no write
// transaction for a hit. Keys that share a byte make each other look younger. Only bounded caches have
// one, and it may be deleted: then all look equally old.

#include <memo/backends/disk/file.hpp>
#include <memo/key/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <sys/mman.h>

namespace memo::detail {

class disk_clock {
  public:
    disk_clock() = default;
    /// Where the file cannot be had whole, for lack of room, there is no clock.
    disk_clock(std::string const& path, unsigned mode) {
        file const opened = try_open(path, O_RDWR | O_CREAT, mode);
        // Room for all of it now: a page that the disk has no room for would be a SIGBUS later.
        if (!opened.is_open() || ::posix_fallocate(opened.descriptor(), 0, size) != 0) {
            return;
        }
        set_mode(opened, mode);
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, opened.descriptor(), 0);
        if (memory != MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            bytes_ = static_cast<std::uint8_t*>(memory);
        }
    }
    disk_clock(disk_clock const&) = delete;
    disk_clock& operator=(disk_clock const&) = delete;
    ~disk_clock() {
        if (bytes_ != nullptr) {
            ::munmap(bytes_, size);
        }
    }

    /// A record was asked for.
    void touch(key128 key) const noexcept {
        if (bytes_ != nullptr) {
            std::atomic_ref const mine(bytes_[place_of(key)]);
            std::uint8_t const now = tick();
            if (mine.load(std::memory_order_relaxed) != now) { // else the line stays shared
                mine.store(now, std::memory_order_relaxed);
            }
        }
    }

    /// Ticks since a record was asked for.
    [[nodiscard]] unsigned age(key128 key) const noexcept {
        if (bytes_ == nullptr) {
            return 1;
        }
        std::atomic_ref const mine(bytes_[place_of(key)]);
        return static_cast<std::uint8_t>(tick() - mine.load(std::memory_order_relaxed));
    }

    /// Counts evictions; a tick is a sixteenth of the records being evicted.
    void evicted(std::size_t count, std::size_t entries) const noexcept {
        if (bytes_ == nullptr) {
            return;
        }
        std::atomic_ref const counter(*counter_of(bytes_));
        constexpr std::uint64_t least = 16;
        std::uint64_t const per_tick = std::max<std::uint64_t>(entries / 16, least);
        // The counter is in units of a tick / 2^32, so that per_tick may change.
        counter.fetch_add((count << 32U) / per_tick, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t slot_count = std::size_t{1} << 22U;
    static constexpr std::size_t size = slot_count + 4096;

    static std::uint64_t* counter_of(std::uint8_t* bytes) noexcept {
        return std::launder(reinterpret_cast<std::uint64_t*>(bytes + slot_count));
    }

    [[nodiscard]] std::uint8_t tick() const noexcept {
        std::atomic_ref const counter(*counter_of(bytes_));
        return static_cast<std::uint8_t>(counter.load(std::memory_order_relaxed) >> 32U);
    }

    static std::size_t place_of(key128 key) noexcept {
        return static_cast<std::size_t>(key.high % slot_count);
    }

    std::uint8_t* bytes_ = nullptr;
};

} // namespace memo::detail
