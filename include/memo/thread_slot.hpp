// SPDX-License-Identifier: BSL-1.0
#pragma once

// A small number for the calling thread: no two live threads have the same one. Counters and read
// sections use it to find a cache line that no other thread writes, so that a hit costs no atomic
// read-modify-write.

#include <array>
#include <cstddef>
#include <mutex>

namespace memo::detail {

/// How many threads have a number of their own; every thread beyond shares the number
/// `thread_slots`.
inline constexpr std::size_t thread_slots = 128;

class slot_pool {
  public:
    static slot_pool& instance() {
        // Never destroyed: threads give their number back after main() has returned.
        static auto* const pool = new slot_pool;
        return *pool;
    }

    std::size_t take() {
        std::scoped_lock const lock(mutex_);
        for (std::size_t slot = 0; slot < thread_slots; ++slot) {
            if (!taken_[slot]) {
                taken_[slot] = true;
                return slot;
            }
        }
        return thread_slots;
    }

    // The mutex also orders the last writes of a thread before the first ones of the next owner of
    // its number.
    void give_back(std::size_t slot) {
        if (slot < thread_slots) {
            std::scoped_lock const lock(mutex_);
            taken_[slot] = false;
        }
    }

  private:
    std::mutex mutex_;
    std::array<bool, thread_slots> taken_{};
};

inline constexpr std::size_t no_slot = thread_slots + 1;
inline constinit thread_local std::size_t slot_of_this_thread = no_slot;

struct slot_lease {
    slot_lease() : slot(slot_pool::instance().take()) {}
    slot_lease(slot_lease const&) = delete;
    slot_lease& operator=(slot_lease const&) = delete;
    ~slot_lease() {
        slot_of_this_thread = thread_slots; // what still runs in this thread shares the last number
        slot_pool::instance().give_back(slot);
    }
    std::size_t slot;
};

[[gnu::noinline]] inline std::size_t lease_slot() {
    static thread_local slot_lease const lease;
    slot_of_this_thread = lease.slot;
    return lease.slot;
}

/// The number of the calling thread, 0 … thread_slots.
///
/// Complexity:     O(1); the first call in a thread takes a lock
/// Thread safety:  safe
[[nodiscard]] inline std::size_t thread_slot() {
    std::size_t const slot = slot_of_this_thread;
    return slot != no_slot ? slot : lease_slot();
}

} // namespace memo::detail
