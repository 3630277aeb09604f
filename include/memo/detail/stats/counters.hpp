// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of one function. Each thread has its own: a counter that two threads share costs 8 times a
// whole hit.

#include <memo/detail/stats/cost.hpp>
#include <memo/detail/stats/latency.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/thread_slot.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>

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
    explicit call_counters(bool quick) : quick_(quick) {}
    call_counters(call_counters const&) = delete;
    call_counters& operator=(call_counters const&) = delete;
    ~call_counters() {
        for (auto const& mine : by_thread_) {
            delete mine.load(std::memory_order_relaxed);
        }
    }

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
    void hit(std::uint64_t saved, std::uint64_t hits = 1) {
        if (tally& mine = of_this_thread(); &mine != &shared_) {
            mine.hit(saved, hits);
        } else {
            mine.hits.fetch_add(hits, std::memory_order_relaxed);
            mine.saved.fetch_add(saved, std::memory_order_relaxed);
        }
    }

    /// Adds to any counter except hits.
    ///
    /// amount          a count, or a time in ns
    void add(counter_place counter, std::uint64_t amount = 1) {
        of_this_thread().counts[counter.value].fetch_add(amount, std::memory_order_relaxed);
    }

    /// The latency of lookups that missed the fast path.
    [[nodiscard]] latency& looking() { return of_this_thread().looking; }
    /// The latency of stores of results.
    [[nodiscard]] latency& storing() { return of_this_thread().storing; }

    /// The counters since the last reset.
    [[nodiscard]] statistics since_reset() const {
        std::scoped_lock const lock(mutex_);
        statistics sum = total();
        sum -= at_reset_;
        return sum;
    }

    /// A lower bound of the time in the cache: the minimal latency of a lookup for each hit, twice that for
    /// each other call, and the minimal latency of a store for each run of the function.
    [[nodiscard]] std::chrono::nanoseconds caching(statistics const& counted) const noexcept {
        auto const times = [&](std::uint64_t count, latency tally::*operation) {
            auto minimum = (std::chrono::nanoseconds::max)();
            for_each([&](tally const& each) {
                minimum = (std::min)(minimum, (each.*operation).minimum());
            });
            bool const is_known = minimum != (std::chrono::nanoseconds::max)();
            return is_known ? minimum * static_cast<std::int64_t>(count)
                            : std::chrono::nanoseconds(0);
        };
        return times(2 * counted.calls - counted.hits, &tally::looking) +
               times(counted.evaluations, &tally::storing);
    }

    void reset() {
        std::scoped_lock const lock(mutex_);
        at_reset_ = total();
    }

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

    [[nodiscard]] tally& of_this_thread() {
        std::size_t const place = place_of(this_thread_slot());
        if (!quick_ || place == no_place) {
            return shared_;
        }
        tally* mine = by_thread_[place].load(std::memory_order_acquire);
        if (mine == nullptr) [[unlikely]] {
            mine = new (std::nothrow) tally;
            by_thread_[place].store(mine, std::memory_order_release);
        }
        return mine != nullptr ? *mine : shared_;
    }

    template <class Visit> void for_each(Visit visit) const {
        visit(shared_);
        for (auto const& place : by_thread_) {
            if (auto const* const mine = place.load(std::memory_order_acquire)) {
                visit(*mine);
            }
        }
    }

    [[nodiscard]] statistics total() const {
        statistics sum;
        for_each([&](tally const& each) { add_to(sum, each); });
        return sum;
    }

    static void add_to(statistics& sum, tally const& each) {
        std::uint64_t const hits = each.hits.load(std::memory_order_relaxed);
        sum.calls += hits;
        sum.hits += hits;
        sum.saved = saturated_sum(sum.saved, as_time(each.saved.load(std::memory_order_relaxed)));
        for (std::size_t i = 0; i < each.counts.size(); ++i) {
            std::uint64_t const count = each.counts[i].load(std::memory_order_relaxed);
            if (counter const& of = all_counters[i]; of.count != nullptr) {
                sum.*of.count += count;
            } else {
                sum.*of.time = saturated_sum(sum.*of.time, as_time(count));
            }
        }
    }

    /// Saturates at the maximum of std::chrono::nanoseconds.
    [[nodiscard]] static std::chrono::nanoseconds as_time(std::uint64_t ns) noexcept {
        constexpr std::uint64_t longest = (std::chrono::nanoseconds::max)().count();
        return std::chrono::nanoseconds((std::min)(ns, longest));
    }

    std::array<std::atomic<tally*>, no_place + 1> by_thread_{}; ///< null at no_place
    bool const quick_;
    tally shared_; ///< of threads without a place, or without memory
    mutable mutex mutex_;
    statistics at_reset_;
};

/// Times and counts one run of the function, from the constructor to `returned()`, or to the destructor
/// if the function throws.
class timed_run {
  public:
    explicit timed_run(call_counters& counters) noexcept : counters_(counters) {}
    timed_run(timed_run const&) = delete;
    timed_run& operator=(timed_run const&) = delete;
    ~timed_run() {
        if (!returned_) {
            stop();
            counters_.add(&statistics::failures);
        }
    }

    /// Returns:        the duration of the run
    std::chrono::nanoseconds returned() {
        returned_ = true;
        counters_.add(&statistics::evaluations);
        return stop();
    }

  private:
    std::chrono::nanoseconds stop() {
        std::chrono::nanoseconds const time = std::chrono::steady_clock::now() - start_;
        counters_.add(&statistics::computing, static_cast<std::uint64_t>(time.count()));
        return time;
    }

    call_counters& counters_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    bool returned_ = false;
};

} // namespace memo::detail
