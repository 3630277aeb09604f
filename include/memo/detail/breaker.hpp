// SPDX-License-Identifier: BSL-1.0
#pragma once

// A circuit breaker: after some failures of a server, or of a process that does not release a lock, callers
// skip it for a while. Then one caller probes it, so that only that caller waits.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace memo::detail {

/// Counts the failures of one server or lock, and opens after too many.
///
/// Clock           steady
/// Thread safety:  safe, without locks
template <class Clock> class breaker_by {
  public:
    using clock = Clock;
    using time_point = typename clock::time_point;

    static constexpr std::uint32_t failures_to_open = 3;
    static constexpr std::chrono::milliseconds first_window{1000};
    static constexpr std::chrono::milliseconds last_window{30'000};

    /// Whether this caller may try the operation. While the breaker is open, one caller per window may.
    ///
    /// probe           how long other callers are refused while this caller tries
    /// Complexity:     one relaxed load while there are no failures
    [[nodiscard]] bool lets_pass(std::chrono::nanoseconds probe) {
        std::int64_t until = open_until_.load(std::memory_order_relaxed);
        if (until == 0) {
            return true;
        }
        std::int64_t const now = since_epoch(clock::now());
        bool const probes =
            now >= until && open_until_.compare_exchange_strong(until, now + probe.count(),
                                                                std::memory_order_relaxed);
        if (probes) {
            probing_.store(true, std::memory_order_relaxed);
        }
        return probes;
    }

    [[nodiscard]] bool is_open() const noexcept {
        return open_until_.load(std::memory_order_relaxed) != 0;
    }

    void succeeded() noexcept {
        // A failed() and a succeeded() at the same time can leave it open without failures.
        if (failures_.load(std::memory_order_relaxed) != 0 || is_open()) {
            failures_.store(0, std::memory_order_relaxed);
            windows_.store(0, std::memory_order_relaxed);
            open_until_.store(0, std::memory_order_relaxed);
        }
    }

    /// at_once         opens at the first failure, such as a refused connection
    /// Returns:        true if this failure opened it
    bool failed(bool at_once) {
        std::uint32_t const failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
        if (!at_once && failures < failures_to_open) {
            return false;
        }
        // Operations in flight fail after it opened. Only the first failure and failed probes lengthen the
        // window.
        time_point const now = clock::now();
        std::int64_t until = open_until_.load(std::memory_order_relaxed);
        bool const is_probe = until != 0 && probing_.exchange(false, std::memory_order_relaxed);
        if (until != 0 && !is_probe && until > since_epoch(now)) {
            return false;
        }
        std::uint32_t const windows = windows_.fetch_add(1, std::memory_order_relaxed);
        auto const window = (std::min)(first_window * (1 << (std::min)(windows, 5U)), last_window);
        open_until_.store(since_epoch(now + jittered(window, now)), std::memory_order_relaxed);
        return windows == 0;
    }

  private:
    [[nodiscard]] static std::int64_t since_epoch(time_point time) noexcept {
        return std::chrono::nanoseconds(time.time_since_epoch()).count();
    }

    /// 80 to 120 % of a time, so that many processes do not retry at once.
    [[nodiscard]] static std::chrono::nanoseconds jittered(std::chrono::nanoseconds window,
                                                           time_point now) {
        auto const low_digits = static_cast<std::uint64_t>(since_epoch(now)) * 0x9e3779b97f4a7c15U;
        auto const share = static_cast<std::int64_t>(low_digits >> 54); // 0 to 1023
        return window * 4 / 5 + window * share / 2560;
    }

    std::atomic<std::int64_t> open_until_{0}; ///< ns of the clock; 0: closed
    std::atomic<std::uint32_t> failures_{0};  ///< in a row
    std::atomic<std::uint32_t> windows_{0};   ///< since the last success
    std::atomic<bool> probing_{false};        ///< whether a probe is in flight
};

using breaker = breaker_by<std::chrono::steady_clock>;

} // namespace memo::detail
