// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of one function. Each thread has its own: a counter that two threads share costs 8 times a
// whole hit.

#include <memo/detail/stats/cost.hpp>
#include <memo/detail/stats/latency.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/statistics.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace memo::detail {

/// The index of a counter in memo::all_counters, found at compile time: `add(&statistics::misses)`.
class counter_place {
  public:
    consteval counter_place(std::uint64_t statistics::*member) {
        while (all_counters[value].count != member) { // past the end is a compile error
            ++value;
        }
    }
    consteval counter_place(std::chrono::nanoseconds statistics::*member) {
        while (all_counters[value].time != member) {
            ++value;
        }
    }

    std::size_t value = 0;
};

/// Thread safety:  safe
class call_counters {
  public:
    /// quick           whether quick_hit() may count; false shares one set of counters
    explicit call_counters(bool quick);
    call_counters(call_counters const&) = delete;
    call_counters& operator=(call_counters const&) = delete;
    ~call_counters();

    /// Counts a hit if the calling thread has counters of its own; otherwise has no effect.
    ///
    /// saved           see cost_byte
    /// Returns:        whether it counted
    [[nodiscard, gnu::always_inline]] inline bool quick_hit(std::uint8_t saved) noexcept {
        tally* const mine = by_thread_[place_of_this_thread].load(std::memory_order_acquire);
        if (mine == nullptr) [[unlikely]] {
            return false;
        }
        mine->hit(cost_of(saved));
        return true;
    }

    /// Counts hits in any thread.
    ///
    /// saved           ns, by all of these hits
    void hit(std::uint64_t saved, std::uint64_t hits = 1);

    /// Adds to any counter except hits.
    ///
    /// amount          a count, or a time in ns
    void add(counter_place counter, std::uint64_t amount = 1);

    /// Remembers that a mean was settled on equal samples without a range, see stopping::needs_range().
    void note_needed_range() noexcept {
        if (!needs_range_.load(std::memory_order_relaxed)) {
            needs_range_.store(true, std::memory_order_relaxed);
        }
    }
    /// Whether that happened since the last reset.
    [[nodiscard]] bool needs_range() const noexcept {
        return needs_range_.load(std::memory_order_relaxed);
    }

    /// The latency of lookups that missed the fast path.
    [[nodiscard]] latency& looking();
    /// The latency of stores of results.
    [[nodiscard]] latency& storing();

    /// The counters since the last reset.
    [[nodiscard]] statistics since_reset() const;

    /// A lower bound of the time in the cache: the minimal latency of a lookup for each hit, twice that for
    /// each other call, and the minimal latency of a store for each run of the function.
    [[nodiscard]] std::chrono::nanoseconds caching(statistics const& counted) const noexcept;

    void reset();

  private:
    // Counts of hits by cost would need one increment instead of two. But the counter's address would
    // depend on the loaded record, and the next hit would wait for it: a hit took twice as long.
    struct alignas(128) tally {
        std::atomic<std::uint64_t> hits{0};
        std::atomic<std::uint64_t> saved{0}; ///< ns; overflows after 584 years, unchecked
        std::array<std::atomic<std::uint64_t>, std::size(all_counters)> counts{}; ///< all others
        latency looking;
        latency storing;

        /// Called by the owning thread only.
        void hit(std::uint64_t ns, std::uint64_t more = 1) noexcept {
            hits.store(hits.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
            saved.store(saved.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
        }
    };

    [[nodiscard]] tally& of_this_thread();

    template <class Visit> void for_each(Visit visit) const;

    [[nodiscard]] statistics total() const;

    static void add_to(statistics& sum, tally const& each);

    std::array<std::atomic<tally*>, no_place + 1> by_thread_{}; ///< null at no_place
    bool const quick_;
    std::atomic<bool> needs_range_{false};
    tally shared_; ///< of threads without a place, or without memory
    mutable mutex mutex_;
    statistics at_reset_;
};

/// Times and counts one run of the function, from the constructor to `returned()`, or to the destructor
/// if the function throws.
class timed_run {
  public:
    explicit timed_run(call_counters& counters) noexcept;
    timed_run(timed_run const&) = delete;
    timed_run& operator=(timed_run const&) = delete;
    ~timed_run();

    /// Returns:        the duration of the run
    std::chrono::nanoseconds returned();

  private:
    std::chrono::nanoseconds stop();

    call_counters& counters_;
    std::chrono::steady_clock::time_point start_;
    bool returned_ = false;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "counters.ipp"
#endif
