// SPDX-License-Identifier: BSL-1.0
#pragma once

// When a record was last asked for, told by a byte of a table that all processes share: no write
// transaction for a hit. Keys that share a byte make each other look younger. Only bounded caches have
// one, and it may be deleted: then all look equally old.

#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <utility>

namespace memo::detail {

class disk_clock {
  public:
    disk_clock() = default;
    disk_clock(disk_clock const&) = delete;
    disk_clock& operator=(disk_clock const&) = delete;
    ~disk_clock() {
        if (bytes_ != nullptr) {
            ::munmap(bytes_, size);
        }
    }

    /// Before it is used. Where the file cannot be had whole, for lack of room, the clock is this
    /// process's alone; without memory for that there is none.
    void open(disk_directory const& directory) {
        directory_ = directory;
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            bytes_ = static_cast<std::uint8_t*>(memory);
            show_file();
        }
    }

    /// A record was asked for.
    ///
    /// look            when the files of the data were looked at last. Another one than before: this one
    ///                 is looked at, too, as others may have removed or cut it
    void touch(key128 key, std::int64_t look) {
        if (bytes_ != nullptr) {
            if (last_look_.load(std::memory_order_relaxed) != look) [[unlikely]] {
                look_at_file(look);
            }
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

    [[gnu::noinline]] void look_at_file(std::int64_t look) {
        std::scoped_lock const lock(mutex_);
        if (shown_) {
            file_length const now = length_of_file(directory_.path("v1/clock"));
            if (now.identity != shown_ || now.bytes < size) {
                show_file();
            }
        } else if (std::int64_t const second = coarse_seconds(); last_try_ != second) {
            last_try_ = second; // what could not be had is asked for again, and not each time
            show_file();
        }
        last_look_.store(look, std::memory_order_relaxed);
    }

    /// Maps the file over what is there, at once for all threads.
    void show_file() noexcept {
        undisturbed const whole;
        bool const was_shown = std::exchange(shown_, std::nullopt).has_value();
        file const opened = open_file();
        struct stat now {};
        // Room for all of it now: a page that the disk has no room for would be a SIGBUS later.
        bool const has_room = opened.is_open() &&
                              ::posix_fallocate(opened.descriptor(), 0, size) == 0 &&
                              ::fstat(opened.descriptor(), &now) == 0;
        if (has_room) {
            if (map(MAP_SHARED, opened.descriptor())) {
                shown_ = file_identity{now.st_dev, now.st_ino};
                return;
            }
        }
        if (was_shown) { // else the clock of this process goes on
            map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        }
    }

    [[nodiscard]] file open_file() const noexcept {
        try {
            return directory_.data_files().open_or_make("clock", O_RDWR, directory_.mode());
        } catch (std::exception const&) { // what is there is none of the cache's, or cannot be had
            return {};
        }
    }

    bool map(int flags, int descriptor) noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): MAP_FAILED is so
        return ::mmap(bytes_, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, descriptor, 0) !=
               MAP_FAILED;
    }

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

    disk_directory directory_;
    std::uint8_t* bytes_ = nullptr;
    mutex mutex_;                        ///< of what is mapped
    std::optional<file_identity> shown_; ///< nothing: memory of this process
    std::int64_t last_try_ = 0;          ///< to have the file, in seconds
    std::atomic<std::int64_t> last_look_{0};
};

} // namespace memo::detail
