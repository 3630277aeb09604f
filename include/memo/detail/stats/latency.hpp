// SPDX-License-Identifier: BSL-1.0
#pragma once

// How long steps take: a latency estimator, and the timer that feeds it.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace memo::detail {

/// The latency of one kind of step: an exponentially weighted moving average, which follows changes, and
/// the minimum, which no wait for a processor raises (docs/decisions/0064-no-eviction-by-cost.md).
///
/// Thread safety:  safe; of two concurrent add() one may be lost
class latency {
  public:
    void add(std::chrono::nanoseconds time) noexcept {
        std::int64_t const ns = time.count();
        std::int64_t const before = average_.load(std::memory_order_relaxed);
        average_.store(before < 0 ? ns : before + (ns - before) / 8, std::memory_order_relaxed);
        if (ns < minimum_.load(std::memory_order_relaxed)) {
            minimum_.store(ns, std::memory_order_relaxed);
        }
    }

    /// This for each of the first eight steps and every eighth after them, else null: for steps too short
    /// to time them all.
    [[nodiscard]] latency* sample() noexcept {
        std::uint64_t const step = steps_.fetch_add(1, std::memory_order_relaxed);
        return step < 8 || step % 8 == 0 ? this : nullptr;
    }

    [[nodiscard]] bool is_known() const noexcept {
        return average_.load(std::memory_order_relaxed) >= 0;
    }

    /// The last step counts an eighth. 0 while nothing is known.
    [[nodiscard]] std::chrono::nanoseconds average() const noexcept {
        std::int64_t const ns = average_.load(std::memory_order_relaxed);
        return std::chrono::nanoseconds(ns < 0 ? 0 : ns);
    }

    /// The longest time that there is while nothing is known.
    [[nodiscard]] std::chrono::nanoseconds minimum() const noexcept {
        return std::chrono::nanoseconds(minimum_.load(std::memory_order_relaxed));
    }

  private:
    std::atomic<std::uint64_t> steps_{0};   ///< that sample() was asked about
    std::atomic<std::int64_t> average_{-1}; ///< ns; negative: none yet
    std::atomic<std::int64_t> minimum_{(std::numeric_limits<std::int64_t>::max)()}; ///< ns
};

/// Adds the time of its scope to a latency, unless that is null.
class scoped_timer {
  public:
    /// steps           made in the scope: 1 or more
    explicit scoped_timer(latency* of, std::size_t steps = 1) noexcept
        : of_(of), steps_(static_cast<std::int64_t>(steps)) {
        if (of_ != nullptr) {
            start_ = std::chrono::steady_clock::now();
        }
    }
    scoped_timer(scoped_timer const&) = delete;
    scoped_timer& operator=(scoped_timer const&) = delete;
    ~scoped_timer() {
        if (of_ != nullptr) {
            of_->add((std::chrono::steady_clock::now() - start_) / steps_);
        }
    }

  private:
    latency* const of_;
    std::int64_t const steps_;
    std::chrono::steady_clock::time_point start_{};
};

} // namespace memo::detail
