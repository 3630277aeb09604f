// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters that move while functions are called. Those of a hit lie in a line of the calling
// thread's own: one shared counter costs 8 times the whole hit as soon as two threads meet on it.

#include <memo/statistics.hpp>
#include <memo/thread_line.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>

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

  private:
    static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();

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

class call_counters {
  public:
    /// How many threads have a line of their own; those beyond share the last one.
    static constexpr std::size_t lines = 128;
    static constexpr std::size_t all_lines = lines * sizeof(thread_line); ///< bytes

    /// Counts a call that is served from the cache, if the thread is known to have a line for it.
    ///
    /// saved           ns
    /// own             all_lines, or 0 if no hit may be quick
    [[nodiscard, gnu::always_inline]] inline bool quick_hit(std::uint64_t saved,
                                                            std::size_t own) noexcept {
        std::size_t const offset = offset_of_this_thread;
        if (offset >= own) [[unlikely]] {
            return false;
        }
        hit(lines_[offset / sizeof(line)], saved);
        return true;
    }

    /// The same in any thread.
    void hit(std::uint64_t saved) {
        std::size_t const number = this_thread_line().number;
        if (number < lines) {
            hit(lines_[number], saved);
        } else {
            lines_[lines].hits.fetch_add(1, std::memory_order_relaxed);
            lines_[lines].saved.fetch_add(saved, std::memory_order_relaxed);
        }
    }

    struct slow {
        std::atomic<std::uint64_t> calls{0}; ///< calls that were not a hit at first sight
        std::atomic<std::uint64_t> late_hits{0};
        std::atomic<std::uint64_t> misses{0};
        std::atomic<std::uint64_t> refinements{0};
        std::atomic<std::uint64_t> coalesced{0};
        std::atomic<std::uint64_t> evaluations{0};
        std::atomic<std::uint64_t> failures{0};
        std::atomic<std::uint64_t> rejected{0};
        std::atomic<std::uint64_t> sets{0};
        std::atomic<std::uint64_t> errors{0};
        std::atomic<std::uint64_t> corrupt{0};
        std::atomic<std::uint64_t> audits{0};
        std::atomic<std::uint64_t> disagreements{0};
        std::atomic<std::uint64_t> computing{0}; ///< ns
        step_cost looking;                       ///< for a call that was no hit at first sight
        step_cost storing;                       ///< what a run of the function gave
    };

    /// What accompanies an evaluation, which costs more than any counter.
    [[nodiscard]] slow& beyond_hits() noexcept { return slow_; }

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
        return times(2 * counted.calls - counted.hits, slow_.looking.least()) +
               times(counted.evaluations, slow_.storing.least());
    }

    void reset() {
        std::scoped_lock const lock(mutex_);
        at_reset_ = total();
    }

  private:
    struct alignas(128) line {
        std::atomic<std::uint64_t> hits{0};
        std::atomic<std::uint64_t> saved{0};
    };

    static_assert(sizeof(line) == sizeof(thread_line), "so that an offset holds for both");

    /// In a line that nobody else writes.
    static void hit(line& mine, std::uint64_t saved) noexcept {
        mine.hits.store(mine.hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        mine.saved.store(mine.saved.load(std::memory_order_relaxed) + saved,
                         std::memory_order_relaxed);
    }

    [[nodiscard]] statistics total() const {
        statistics sum;
        std::uint64_t saved = 0;
        for (auto const& each : lines_) {
            sum.hits += each.hits.load(std::memory_order_relaxed);
            saved += each.saved.load(std::memory_order_relaxed);
        }
        sum.calls = sum.hits + slow_.calls;
        sum.hits += slow_.late_hits;
        sum.misses = slow_.misses;
        sum.refinements = slow_.refinements;
        sum.coalesced = slow_.coalesced;
        sum.evaluations = slow_.evaluations;
        sum.failures = slow_.failures;
        sum.rejected = slow_.rejected;
        sum.sets = slow_.sets;
        sum.errors = slow_.errors;
        sum.corrupt = slow_.corrupt;
        sum.audits = slow_.audits;
        sum.disagreements = slow_.disagreements;
        sum.computing = std::chrono::nanoseconds(slow_.computing);
        sum.saved = std::chrono::nanoseconds(saved);
        return sum;
    }

    std::array<line, lines + 1> lines_;
    slow slow_;
    mutable std::mutex mutex_;
    statistics at_reset_;
};

/// One run of the function, from its start to `returned()`, or to its exception.
class timed_run {
  public:
    explicit timed_run(call_counters::slow& counters) noexcept : counters_(counters) {}
    timed_run(timed_run const&) = delete;
    timed_run& operator=(timed_run const&) = delete;
    ~timed_run() {
        if (!returned_) {
            stop();
            counters_.failures += 1;
        }
    }

    /// How long the run took.
    std::chrono::nanoseconds returned() {
        returned_ = true;
        counters_.evaluations += 1;
        return stop();
    }

  private:
    std::chrono::nanoseconds stop() {
        std::chrono::nanoseconds const taken = std::chrono::steady_clock::now() - start_;
        counters_.computing += static_cast<std::uint64_t>(taken.count());
        return taken;
    }

    call_counters::slow& counters_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    bool returned_ = false;
};

} // namespace memo::detail
