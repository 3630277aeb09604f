// SPDX-License-Identifier: BSL-1.0
#pragma once

// Epoch-based reclamation: frees memory once no lock-free reader can use it.
//
// A reader stores the current epoch in its thread's slot, reads, and clears the slot. A writer unlinks an
// object and retires it; later it raises the epoch and frees the objects that were retired before, once every
// slot is clear or newer. So a hit pays for two plain stores.

#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

namespace memo::detail {

/// While one lives, no object that its thread can reach is freed. Sections nest.
class read_section {
  public:
    read_section() : read_section(this_thread_slot()) {}
    read_section(read_section const&) = delete;
    read_section& operator=(read_section const&) = delete;
    ~read_section() { epoch_.store(outer_, std::memory_order_release); }

  private:
    explicit read_section(thread_slot& line)
        : epoch_(line.epoch), outer_(epoch_.load(std::memory_order_relaxed)) {
        if (outer_ == 0) [[likely]] { // else the section around this one holds what it can reach
            // release: whoever sees this epoch has seen the end of this thread's earlier sections
            epoch_.store(line.orders->epoch.load(std::memory_order_acquire),
                         std::memory_order_release);
            line.publish(epoch_);
        }
    }

    std::atomic<std::uint64_t>& epoch_;
    std::uint64_t const outer_;
};

/// The base of objects that can be retired. It has the list's pointer, so that retiring allocates nothing.
struct retirable {
    void (*destroy)(retirable*) = nullptr;
    retirable* next = nullptr; ///< for the reclaimer; no reader looks here
};

/// One per process, see process_wide.
class reclaimer {
  public:
    /// Takes an object that no new reader can reach. Destroys nothing, so callers may hold locks.
    ///
    /// bytes           that freeing it returns
    void retire(retirable& thing, std::size_t bytes) noexcept {
        std::scoped_lock const lock(mutex_);
        thing.next = std::exchange(fresh_, &thing);
        fresh_things_ += 1;
        fresh_bytes_ += bytes;
        if (fresh_things_ >= max_things || fresh_bytes_ >= max_bytes) {
            due_.store(true, std::memory_order_relaxed);
        }
    }

    /// Frees what can be freed, if enough was retired. Runs destructors of user types: callers hold no lock.
    void tend() noexcept {
        if (due_.load(std::memory_order_relaxed)) {
            reclaim();
        }
    }

    /// Frees all that can be freed now. Callers hold no lock.
    void reclaim() noexcept {
        for (retirable* free : take_free()) {
            while (free != nullptr) {
                retirable* const each = std::exchange(free, free->next);
                each->destroy(each);
            }
        }
    }

  private:
    static constexpr std::size_t max_things = 64;
    static constexpr std::size_t max_bytes = std::size_t{256} * 1024;

    /// Raises the epoch, and returns the lists of objects that can be freed. Fresh objects then take the place
    /// of the waiting ones: one epoch is enough for all of them.
    std::array<retirable*, 2> take_free() noexcept {
        std::scoped_lock const lock(mutex_);
        std::uint64_t const now = // by a barrier of the writer's own
            lines_.orders().epoch.fetch_add(1, std::memory_order_seq_cst) + 1;
        fresh_things_ = 0;
        fresh_bytes_ = 0;
        due_.store(false, std::memory_order_relaxed);
        if (waiting_ == nullptr && fresh_ == nullptr) {
            return {};
        }
        lines_.barrier_for_all();
        std::uint64_t const oldest = oldest_reader();
        if (waiting_ != nullptr && waiting_epoch_ > oldest) {
            return {};
        }
        std::array<retirable*, 2> free{std::exchange(waiting_, std::exchange(fresh_, nullptr))};
        waiting_epoch_ = now;
        if (waiting_epoch_ <= oldest) {
            free[1] = std::exchange(waiting_, nullptr);
        }
        return free;
    }

    [[nodiscard]] std::uint64_t oldest_reader() const noexcept {
        std::uint64_t oldest = (std::numeric_limits<std::uint64_t>::max)();
        lines_.for_each([&](thread_slot const& line) {
            if (auto const epoch = line.epoch.load(std::memory_order_seq_cst); epoch != 0) {
                oldest = epoch < oldest ? epoch : oldest;
            }
        });
        return oldest;
    }

    thread_slots& lines_ = process_wide<thread_slots>();
    mutex mutex_;
    retirable* waiting_ = nullptr;    ///< a list of those that go next
    std::uint64_t waiting_epoch_ = 0; ///< readers of this epoch began after they were unlinked
    retirable* fresh_ = nullptr;      ///< a list of those that were retired since
    std::size_t fresh_things_ = 0;    ///< retired since it was last tried to free something
    std::size_t fresh_bytes_ = 0;
    std::atomic<bool> due_{false};
};

} // namespace memo::detail
