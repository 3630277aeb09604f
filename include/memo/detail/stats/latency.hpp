// SPDX-License-Identifier: BSL-1.0
#pragma once

// A latency estimator, and the timer that adds to it.

#include <memo/detail/system/compiled.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace memo::detail {

/// The latency of one kind of operation: an exponentially weighted moving average, which follows changes,
/// and the minimum, which excludes waits for a processor (docs/decisions/0064-no-eviction-by-cost.md).
///
/// Thread safety:  safe; of two concurrent add() one may be lost
class latency {
  public:
    void add(std::chrono::nanoseconds time) noexcept;

    /// Selects operations to time, where timing all of them would cost too much: returns this for the
    /// first eight calls and every eighth call after them, otherwise null.
    [[nodiscard]] latency* sample() noexcept {
        std::uint64_t const call = calls_.fetch_add(1, std::memory_order_relaxed);
        return call < 8 || call % 8 == 0 ? this : nullptr;
    }

    [[nodiscard]] bool is_known() const noexcept {
        return average_.load(std::memory_order_relaxed) >= 0;
    }

    /// The newest time has the weight 1/8. 0 before the first add().
    [[nodiscard]] std::chrono::nanoseconds average() const noexcept {
        std::int64_t const ns = average_.load(std::memory_order_relaxed);
        return std::chrono::nanoseconds(ns < 0 ? 0 : ns);
    }

    /// The maximum of std::chrono::nanoseconds before the first add().
    [[nodiscard]] std::chrono::nanoseconds minimum() const noexcept {
        return std::chrono::nanoseconds(minimum_.load(std::memory_order_relaxed));
    }

  private:
    std::atomic<std::uint64_t> calls_{0};   ///< of sample()
    std::atomic<std::int64_t> average_{-1}; ///< ns; negative: unknown
    std::atomic<std::int64_t> minimum_{(std::numeric_limits<std::int64_t>::max)()}; ///< ns
};

/// Adds the time of its scope to a latency. Null: measures nothing.
class scoped_timer {
  public:
    /// operations      in the scope, at least 1
    explicit scoped_timer(latency* target, std::size_t operations = 1) noexcept
        : target_(target), operations_(static_cast<std::int64_t>(operations)) {
        if (target_ != nullptr) {
            start();
        }
    }
    scoped_timer(scoped_timer const&) = delete;
    scoped_timer& operator=(scoped_timer const&) = delete;
    ~scoped_timer() {
        if (target_ != nullptr) {
            stop();
        }
    }

  private:
    void start() noexcept;
    void stop() noexcept;

    latency* const target_;
    std::int64_t const operations_;
    std::chrono::steady_clock::time_point start_{};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "latency.ipp"
#endif
