// SPDX-License-Identifier: BSL-1.0
#pragma once

// Whether a backend pays for one function: what looking and storing there takes, and what computing
// takes, each as a running average of what was seen.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// An average in which what was seen last counts most: an eighth.
///
/// Thread safety:  safe; of two who add at once one may be lost
class running_average {
  public:
    void add(std::chrono::nanoseconds seen) noexcept {
        std::int64_t const old = ns_.load(std::memory_order_relaxed);
        std::int64_t const now = old < 0 ? seen.count() : old + (seen.count() - old) / 8;
        ns_.store(now, std::memory_order_relaxed);
    }

    [[nodiscard]] bool is_known() const noexcept {
        return ns_.load(std::memory_order_relaxed) >= 0;
    }

    /// 0 while nothing is known.
    [[nodiscard]] std::chrono::nanoseconds value() const noexcept {
        std::int64_t const now = ns_.load(std::memory_order_relaxed);
        return std::chrono::nanoseconds(now < 0 ? 0 : now);
    }

  private:
    std::atomic<std::int64_t> ns_{-1};
};

/// Adds the time that it lives to an average, if it is given one.
class timed_step {
  public:
    /// steps           how many are made in that time
    explicit timed_step(running_average* of, std::size_t steps = 1)
        : of_(of), steps_(static_cast<std::int64_t>(steps)) {
        if (of_ != nullptr) {
            begin_ = std::chrono::steady_clock::now();
        }
    }
    timed_step(timed_step const&) = delete;
    timed_step& operator=(timed_step const&) = delete;
    ~timed_step() {
        if (of_ != nullptr) {
            of_->add((std::chrono::steady_clock::now() - begin_) / steps_);
        }
    }

  private:
    running_average* of_;
    std::int64_t steps_;
    std::chrono::steady_clock::time_point begin_{};
};

/// The averages of one function on one backend. While something is not known yet, it is tried.
struct worth {
    running_average looking;   ///< get
    running_average storing;   ///< put
    running_average computing; ///< the function

    /// One lookup in so many is made although it does not pay, as both times may have changed.
    static constexpr std::uint32_t tried_anyway = 256;

    /// A result pays its way if computing it again takes longer than storing it and fetching it once.
    [[nodiscard]] bool storing_pays(std::chrono::nanoseconds cost) {
        computing.add(cost);
        return !storing.is_known() || cost > looking.value() + storing.value();
    }

    /// Whether a result of the function, taken all in all, pays its way.
    [[nodiscard]] bool pays() const {
        return !computing.is_known() || !storing.is_known() ||
               computing.value() > looking.value() + storing.value();
    }

    /// What does not pay to be stored is not there to be found.
    [[nodiscard]] bool looking_pays() {
        return pays() ||
               skipped_.fetch_add(1, std::memory_order_relaxed) % tried_anyway == tried_anyway - 1;
    }

  private:
    std::atomic<std::uint32_t> skipped_{0};
};

} // namespace memo::detail
