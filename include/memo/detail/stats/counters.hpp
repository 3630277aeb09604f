// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters that move while functions are called. Each thread has its own: one shared counter
// costs 8 times the whole hit as soon as two threads meet on it.

#include <memo/detail/stats/cost.hpp>
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
#include <limits>
#include <mutex>
#include <new>

namespace memo::detail {

/// What one kind of step costs at least: the quickest of the first eight and of every eighth from then
/// on, as the mean would be that of the times when the thread had to wait for a processor.
///
/// Thread safety:  safe
class step_cost {
  public:
    /// One step, for as long as it lives.
    class step {
      public:
        explicit step(step_cost& of) noexcept : of_(of), is_timed_(of.next_is_timed()) {
            if (is_timed_) {
                start_ = std::chrono::steady_clock::now();
            }
        }
        step(step const&) = delete;
        step& operator=(step const&) = delete;
        ~step() {
            if (is_timed_) {
                of_.took(std::chrono::steady_clock::now() - start_);
            }
        }

      private:
        step_cost& of_;
        bool const is_timed_;
        std::chrono::steady_clock::time_point start_{};
    };

    /// 0 if none was made yet.
    [[nodiscard]] std::chrono::nanoseconds least() const noexcept {
        std::int64_t const ns = least_.load(std::memory_order_relaxed);
        return std::chrono::nanoseconds(ns == none ? 0 : ns);
    }

    /// Takes over what another one knows to be less.
    void as_least(step_cost const& other) noexcept {
        took(std::chrono::nanoseconds(other.least_.load(std::memory_order_relaxed)));
    }

  private:
    static constexpr std::int64_t none = (std::numeric_limits<std::int64_t>::max)();

    [[nodiscard]] bool next_is_timed() noexcept {
        std::uint64_t const before = steps_.fetch_add(1, std::memory_order_relaxed);
        return before < 8 || before % 8 == 0;
    }

    void took(std::chrono::nanoseconds time) noexcept {
        std::int64_t least = least_.load(std::memory_order_relaxed);
        while (time.count() < least &&
               !least_.compare_exchange_weak(least, time.count(), std::memory_order_relaxed)) {
        }
    }

    std::atomic<std::uint64_t> steps_{0};
    std::atomic<std::int64_t> least_{none}; ///< ns
};

/// The place of a counter in memo::all_counters, found when this is compiled: `add(&statistics::misses)`.
class counter_place {
  public:
    consteval counter_place(std::uint64_t statistics::*member) {
        while (all_counters[value].count != member) { // past the end: does not compile
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

class call_counters {
  public:
    /// quick           whether hits may be
    explicit call_counters(bool quick) : quick_(quick) {}
    call_counters(call_counters const&) = delete;
    call_counters& operator=(call_counters const&) = delete;
    ~call_counters() {
        for (auto const& mine : own_) {
            delete mine.load(std::memory_order_relaxed);
        }
    }

    /// Counts a call that is served from the cache, if it may be quick and the calling thread has
    /// been here before.
    ///
    /// saved           see cost_byte
    [[nodiscard, gnu::always_inline]] inline bool quick_hit(std::uint8_t saved) noexcept {
        tally* const mine = own_[place_of_this_thread].load(std::memory_order_acquire);
        if (mine == nullptr) [[unlikely]] {
            return false;
        }
        mine->hit(cost_of(saved));
        return true;
    }

    /// The same in any thread.
    ///
    /// saved           ns
    void hit(std::uint64_t saved) {
        if (tally& mine = of_this_thread(); &mine != &of_others_) {
            mine.hit(saved);
        } else {
            mine.hits.fetch_add(1, std::memory_order_relaxed);
            mine.saved.fetch_add(saved, std::memory_order_relaxed);
        }
    }

    /// Counts whatever is no hit of the fast path; a time in ns.
    void add(counter_place of, std::uint64_t amount = 1) {
        of_this_thread().counts[of.value].fetch_add(amount, std::memory_order_relaxed);
    }

    /// A lookup of a call that was no hit of the fast path.
    [[nodiscard]] step_cost& looking() { return of_this_thread().looking; }
    /// A store of what a run of the function returned.
    [[nodiscard]] step_cost& storing() { return of_this_thread().storing; }

    /// All counters since the last reset.
    [[nodiscard]] statistics since_reset() const {
        std::scoped_lock const lock(mutex_);
        statistics sum = total();
        sum -= at_reset_;
        return sum;
    }

    /// What the cache has cost at least: a lookup for each call, one more for each that was no hit,
    /// and a store for each run of the function.
    [[nodiscard]] std::chrono::nanoseconds caching(statistics const& counted) const noexcept {
        auto const times = [](std::uint64_t count, std::chrono::nanoseconds each) {
            return each * static_cast<std::int64_t>(count);
        };
        step_cost looking;
        step_cost storing;
        for_each([&](tally const& each) {
            looking.as_least(each.looking);
            storing.as_least(each.storing);
        });
        return times(2 * counted.calls - counted.hits, looking.least()) +
               times(counted.evaluations, storing.least());
    }

    void reset() {
        std::scoped_lock const lock(mutex_);
        at_reset_ = total();
    }

  private:
    // A count of hits by what they saved would be one number to raise instead of two. But where it is
    // would be known as late as the record, and the next hit would wait for that: it took twice as
    // long.
    struct alignas(128) tally {
        std::atomic<std::uint64_t> hits{0};
        std::atomic<std::uint64_t> saved{0}; ///< ns; 584 years, which no hit is to watch
        std::array<std::atomic<std::uint64_t>, std::size(all_counters)> counts{}; ///< all others
        step_cost looking;
        step_cost storing;

        /// Only in the thread whose own it is.
        void hit(std::uint64_t ns) noexcept {
            hits.store(hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            saved.store(saved.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
        }
    };

    [[nodiscard]] tally& of_this_thread() {
        std::size_t const place = place_of(this_thread_slot());
        if (!quick_ || place == no_place) {
            return of_others_;
        }
        tally* mine = own_[place].load(std::memory_order_acquire);
        if (mine == nullptr) [[unlikely]] {
            mine = new (std::nothrow) tally;
            own_[place].store(mine, std::memory_order_release);
        }
        return mine != nullptr ? *mine : of_others_;
    }

    template <class Visit> void for_each(Visit visit) const {
        visit(of_others_);
        for (auto const& place : own_) {
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

    /// The longest time that there is, if it is more.
    [[nodiscard]] static std::chrono::nanoseconds as_time(std::uint64_t ns) noexcept {
        constexpr std::uint64_t longest = (std::chrono::nanoseconds::max)().count();
        return std::chrono::nanoseconds((std::min)(ns, longest));
    }

    std::array<std::atomic<tally*>, no_place + 1> own_{}; ///< by place; none for no_place
    bool const quick_;
    tally of_others_;
    mutable mutex mutex_;
    statistics at_reset_;
};

/// One run of the function, from its start to `returned()`, or to its exception.
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

    /// How long the run took.
    std::chrono::nanoseconds returned() {
        returned_ = true;
        counters_.add(&statistics::evaluations);
        return stop();
    }

  private:
    std::chrono::nanoseconds stop() {
        std::chrono::nanoseconds const taken = std::chrono::steady_clock::now() - start_;
        counters_.add(&statistics::computing, static_cast<std::uint64_t>(taken.count()));
        return taken;
    }

    call_counters& counters_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    bool returned_ = false;
};

} // namespace memo::detail
