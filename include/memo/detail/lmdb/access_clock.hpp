// SPDX-License-Identifier: BSL-1.0
#pragma once

// The time of the last use of each record: one byte per slot of a table that all processes share,
// so that a hit needs no write transaction. Keys that share a slot appear younger than they are.
// Only bounded caches have the table. Its file may be deleted: then all records appear equally old.

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

    /// Maps the table. If the disk has no room for the file, the table is private to this process;
    /// without memory there is no table.
    void open(disk_directory const& directory) {
        directory_ = directory;
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            bytes_ = static_cast<std::uint8_t*>(memory);
            map_file();
        }
    }

    /// Records a use of a record.
    ///
    /// data_check      the time of the last check of the data's files. After a new check, this
    ///                 checks the clock's file, too: other programs may have removed or truncated
    ///                 it
    void touch(key128 key, std::int64_t data_check) {
        if (bytes_ != nullptr) {
            if (last_check_.load(std::memory_order_relaxed) != data_check) [[unlikely]] {
                check_file(data_check);
            }
            std::atomic_ref const slot(bytes_[slot_of(key)]);
            std::uint8_t const now = tick();
            if (slot.load(std::memory_order_relaxed) != now) { // else the cache line stays shared
                slot.store(now, std::memory_order_relaxed);
            }
        }
    }

    /// Ticks since a record was used.
    [[nodiscard]] unsigned age(key128 key) const noexcept {
        if (bytes_ == nullptr) {
            return 1;
        }
        std::atomic_ref const slot(bytes_[slot_of(key)]);
        return static_cast<std::uint8_t>(tick() - slot.load(std::memory_order_relaxed));
    }

    /// Counts evictions. One tick is the eviction of a sixteenth of the records.
    void count_evictions(std::size_t count, std::size_t entries) const noexcept {
        if (bytes_ == nullptr) {
            return;
        }
        std::atomic_ref const counter(*counter_of(bytes_));
        constexpr std::uint64_t min_per_tick = 16;
        std::uint64_t const per_tick = std::max<std::uint64_t>(entries / 16, min_per_tick);
        // The counter has units of a tick / 2^32, because per_tick may change.
        counter.fetch_add((count << 32U) / per_tick, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t slot_count = std::size_t{1} << 22U;
    static constexpr std::size_t size = slot_count + 4096;

    [[gnu::noinline]] void check_file(std::int64_t data_check) {
        std::scoped_lock const lock(mutex_);
        if (mapped_) {
            file_length const file = length_of_file(directory_.path("v1/clock"));
            if (file.identity != mapped_ || file.bytes < size) {
                map_file();
            }
        } else if (std::int64_t const second = coarse_seconds(); last_try_ != second) {
            last_try_ = second; // retries to map the file once a second
            map_file();
        }
        last_check_.store(data_check, std::memory_order_relaxed);
    }

    /// Maps the file over the table, atomically for all threads.
    void map_file() noexcept {
        interruption_guard const guard;
        bool const was_mapped = std::exchange(mapped_, std::nullopt).has_value();
        file const opened = open_file();
        struct stat status {};
        // Allocates the whole file now: a page without room on the disk would raise SIGBUS later.
        bool const has_room = opened.is_open() &&
                              ::posix_fallocate(opened.descriptor(), 0, size) == 0 &&
                              ::fstat(opened.descriptor(), &status) == 0;
        if (has_room) {
            if (map(MAP_SHARED, opened.descriptor())) {
                mapped_ = file_identity{status.st_dev, status.st_ino};
                return;
            }
        }
        if (was_mapped) { // else the private table stays
            map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        }
    }

    [[nodiscard]] file open_file() const noexcept {
        try {
            return directory_.open_data().open_or_create("clock", O_RDWR, directory_.mode());
        } catch (std::exception const&) { // a foreign file, or one that cannot be opened
            return {};
        }
    }

    bool map(int flags, int descriptor) noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): type of MAP_FAILED
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

    static std::size_t slot_of(key128 key) noexcept {
        return static_cast<std::size_t>(key.high % slot_count);
    }

    disk_directory directory_;
    std::uint8_t* bytes_ = nullptr;
    mutex mutex_;                         ///< guards the mapping
    std::optional<file_identity> mapped_; ///< the mapped file; nothing: a private table
    std::int64_t last_try_ = 0;           ///< time of the last attempt to map the file, seconds
    std::atomic<std::int64_t> last_check_{0};
};

} // namespace memo::detail
