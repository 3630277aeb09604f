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
    /// steps           how many are made in that time: 1 or more
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

/// One kind of step on a backend: what it takes, and when it is tried although it does not pay, as that
/// may have changed.
///
/// Thread safety:  safe; of two who add at once one may be lost
class periodic_trial {
  public:
    /// What the steps that are made take.
    running_average took;

    /// Of the time that a function takes, trials take one in so many at most.
    static constexpr int share = 256;

    /// Counts the time of an evaluation.
    void computed(std::chrono::nanoseconds cost) noexcept {
        std::int64_t const before = since_trial_.load(std::memory_order_relaxed);
        since_trial_.store(before + cost.count(), std::memory_order_relaxed);
    }

    /// Whether a step that does not pay is made now all the same.
    [[nodiscard]] bool is_due() noexcept {
        if (since_trial_.load(std::memory_order_relaxed) < share * took.value().count()) {
            return false;
        }
        since_trial_.store(0, std::memory_order_relaxed);
        return true;
    }

  private:
    std::atomic<std::int64_t> since_trial_{0}; ///< ns of evaluations
};

/// What steps and evaluations of one function take on one backend. What is not known yet is tried.
class admission {
  public:
    periodic_trial looking; ///< get
    periodic_trial storing; ///< put

    /// Whether a result is stored: computing it again takes longer than storing it and fetching it once,
    /// or it is time to see what storing takes now.
    [[nodiscard]] bool storing_pays(std::chrono::nanoseconds cost) noexcept {
        computing_.add(cost);
        looking.computed(cost);
        storing.computed(cost);
        return !storing.took.is_known() || cost > looking.took.value() + storing.took.value() ||
               storing.is_due();
    }

    /// Whether a result of the function, taken all in all, pays its way.
    [[nodiscard]] bool pays() const noexcept {
        return !computing_.is_known() || !storing.took.is_known() ||
               computing_.value() > looking.took.value() + storing.took.value();
    }

    /// Whether a result is looked for: what does not pay to be stored is not there to be found.
    [[nodiscard]] bool looking_pays() noexcept { return pays() || looking.is_due(); }

  private:
    running_average computing_; ///< an evaluation
};

} // namespace memo::detail
