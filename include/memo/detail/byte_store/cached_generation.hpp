// SPDX-License-Identifier: BSL-1.0
#pragma once

// The generation of one function's items, as this process last read it from a store. The generation is
// part of every item's name, and clear() replaces it in the store, so that no process asks for an older
// item again. A process reads it once a second.

#include <memo/detail/system/fork.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace memo::detail {

/// The number of a generation, and the clears that the store does not have yet.
///
/// Thread safety:  safe; fresh() takes no lock
class cached_generation {
  public:
    using clock = std::chrono::steady_clock;

    /// How long another process may use a generation after a clear().
    static constexpr std::chrono::seconds max_age{1};

    /// since           numbers that were read before are of a store that may have been replaced
    /// Returns:        the number; 0 if it is unknown or too old, or a clear is pending
    [[nodiscard]] std::uint64_t fresh(clock::time_point now,
                                      clock::time_point since = {}) const noexcept {
        clock::time_point const until(
            clock::duration(fresh_until_.load(std::memory_order_relaxed)));
        bool const is_fresh = !is_clear_pending() && now < until && since + max_age <= until;
        return is_fresh ? number() : 0;
    }

    /// The number at any age. 0: unknown.
    [[nodiscard]] std::uint64_t number() const noexcept {
        return number_.load(std::memory_order_relaxed);
    }

    /// Takes the number that the store returned at `now` or later. Ignores it if a clear has replaced
    /// `before`, the number at `now`: the store may have returned it before the clear.
    void loaded(std::uint64_t before, std::uint64_t stored, clock::time_point now) {
        std::scoped_lock const lock(mutex_);
        if (number() == before) {
            number_.store(stored, std::memory_order_relaxed);
            fresh_until_.store((now + max_age).time_since_epoch().count(),
                               std::memory_order_relaxed);
        }
    }

    /// Makes a clear pending until cleared().
    void request_clear() noexcept { clears_.fetch_add(1, std::memory_order_relaxed); }

    [[nodiscard]] std::uint64_t clears() const noexcept {
        return clears_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] bool is_clear_pending() const noexcept {
        return clears_done_.load(std::memory_order_acquire) < clears();
    }

    /// Takes a number that was stored for the first `clears` clears. The next operation reads it again,
    /// because another thread or process may have stored a later one.
    void cleared(std::uint64_t clears, std::uint64_t stored) {
        std::scoped_lock const lock(mutex_);
        number_.store(stored, std::memory_order_relaxed);
        fresh_until_.store(0, std::memory_order_relaxed);
        clears_done_.store((std::max)(clears, clears_done_.load(std::memory_order_relaxed)),
                           std::memory_order_release);
    }

  private:
    mutex mutex_; ///< held to change a number and its age together
    std::atomic<std::uint64_t> number_{0};
    std::atomic<clock::rep> fresh_until_{0};
    std::atomic<std::uint64_t> clears_{0};      ///< requested
    std::atomic<std::uint64_t> clears_done_{0}; ///< of them, those that the store has
};

} // namespace memo::detail
