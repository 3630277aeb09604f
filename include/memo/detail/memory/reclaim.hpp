// SPDX-License-Identifier: BSL-1.0
#pragma once

// Epoch-based reclamation: frees memory once no lock-free reader can use it.
//
// A reader stores the current epoch in its thread's slot, reads, and clears the slot. A writer
// unlinks an object and retires it. reclaim() later increments the epoch and frees the objects that
// were retired before, once every slot is clear or has a newer epoch. So a hit costs two plain
// stores.

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

class thread_slots;

/// While a section lives, no object that its thread can reach is freed. Sections nest.
class read_section {
  public:
    read_section() : read_section(this_thread_slot()) {}
    read_section(read_section const&) = delete;
    read_section& operator=(read_section const&) = delete;
    ~read_section() { epoch_.store(outer_, std::memory_order_release); }

  private:
    explicit read_section(thread_slot& slot)
        : epoch_(slot.epoch), outer_(epoch_.load(std::memory_order_relaxed)) {
        if (outer_ == 0) [[likely]] { // else the outer section protects
            // acquire pairs with the reclaimer's increment: a thread that loads the new epoch
            // cannot reach an object that was retired before it. release pairs with
            // thread_slots::oldest_reader(): the reclaimer that loads this epoch sees the reads of
            // earlier sections as done.
            epoch_.store(slot.orders->epoch.load(std::memory_order_acquire),
                         std::memory_order_release);
            slot.publish(epoch_);
        }
    }

    std::atomic<std::uint64_t>& epoch_;
    std::uint64_t const outer_;
};

/// The base of objects that can be retired. Contains the link of the list: retiring allocates
/// nothing.
struct retirable {
    void (*destroy)(retirable*) = nullptr;
    retirable* next = nullptr; ///< only for the reclaimer
};

/// One per process, see process_wide.
class reclaimer {
  public:
    reclaimer();

    /// Takes ownership of an object that no new reader can reach. Destroys nothing: callers may
    /// hold locks.
    ///
    /// bytes           the weight of the object
    void retire(retirable& object, std::size_t bytes) noexcept;

    /// Like reclaim(), but does nothing until enough was retired.
    void reclaim_if_due() noexcept;

    /// Frees all retired objects that no reader can use. Runs destructors of user types: callers
    /// hold no lock.
    void reclaim() noexcept;

  private:
    /// Increments the epoch, and removes and returns the lists of objects that can be freed. The
    /// retired objects then become the waiting ones: one epoch is enough for all of them.
    std::array<retirable*, 2> take_free() noexcept;

    thread_slots& slots_;
    mutex mutex_;
    retirable* waiting_ = nullptr;    ///< list of objects to free next
    std::uint64_t waiting_epoch_ = 0; ///< readers of this epoch cannot reach the waiting objects
    retirable* retired_ = nullptr;    ///< list of objects that were retired after the waiting ones
    std::size_t retired_count_ = 0;   ///< since the last take_free()
    std::size_t retired_bytes_ = 0;
    std::atomic<bool> due_{false};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "reclaim.ipp"
#endif
