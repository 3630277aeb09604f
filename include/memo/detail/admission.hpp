// SPDX-License-Identifier: BSL-1.0
#pragma once

// Admission by `time_threshold = memo::worthwhile`: whether looking a result up and storing it in a
// backend costs less time than computing it again, by the latencies measured while a function runs.

#include <memo/backend.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/stats/latency.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

/// One kind of step on a backend: its latency, and when to try it although it does not pay, because that
/// may have changed.
///
/// Thread safety:  safe; of two concurrent updates one may be lost
class periodic_trial {
  public:
    latency took; ///< of the steps that were made

    /// Trials take at most one part in so many of the function's time.
    static constexpr int share = 256;

    /// Counts the time of an evaluation.
    void computed(std::chrono::nanoseconds cost) noexcept {
        std::int64_t const before = since_trial_.load(std::memory_order_relaxed);
        since_trial_.store(before + cost.count(), std::memory_order_relaxed);
    }

    /// Whether to make a step now that does not pay. Starts the time to the next one.
    [[nodiscard]] bool is_due() noexcept {
        if (since_trial_.load(std::memory_order_relaxed) < share * took.average().count()) {
            return false;
        }
        since_trial_.store(0, std::memory_order_relaxed);
        return true;
    }

  private:
    std::atomic<std::int64_t> since_trial_{0}; ///< ns of evaluations
};

/// The latencies of one function on one backend. A step of unknown latency is made.
///
/// Thread safety:  safe; of two concurrent updates one may be lost
class admission {
  public:
    periodic_trial looking; ///< get
    periodic_trial storing; ///< put

    /// Whether to store a result: computing it again takes longer than storing it and fetching it once,
    /// or a trial is due.
    [[nodiscard]] bool storing_pays(std::chrono::nanoseconds cost) noexcept {
        computing_.add(cost);
        looking.computed(cost);
        storing.computed(cost);
        return !storing.took.is_known() || cost > looking.took.average() + storing.took.average() ||
               storing.is_due();
    }

    /// Whether the function's results pay on average.
    [[nodiscard]] bool pays() const noexcept {
        return !computing_.is_known() || !storing.took.is_known() ||
               computing_.average() > looking.took.average() + storing.took.average();
    }

    /// Whether to look a result up: a function whose results do not pay has few there.
    [[nodiscard]] bool looking_pays() noexcept { return pays() || looking.is_due(); }

  private:
    latency computing_; ///< an evaluation
};

/// A partition for records of type Record that admits only worthwhile results, or all.
///
/// Thread safety:  as the partition's; copies share their latencies
template <class Partition, class Record> class admitting_partition {
  public:
    static constexpr bool validates = validating_partition<Partition>;

    admitting_partition(Partition inner, bool worthwhile)
        : inner_(std::move(inner)),
          admission_(worthwhile ? std::make_shared<admission>() : nullptr) {}

    [[nodiscard]] lookup_result<Record> get(key128 key) const {
        if (admission_ && !admission_->looking_pays()) {
            return miss_reason::absent;
        }
        scoped_timer const timed(latency_of_lookups());
        return inner_.get(key);
    }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const {
        if (admission_ && !admission_->looking_pays()) {
            return miss_reason::absent;
        }
        scoped_timer const timed(latency_of_lookups());
        return detail::peek<Record>(inner_, key);
    }

    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> found) const {
        if (keys.empty() || (admission_ && !admission_->looking_pays())) {
            return;
        }
        scoped_timer const timed(latency_of_lookups(), keys.size());
        detail::get_many<Record>(inner_, keys, found);
    }

    bool put(key128 key, Record const& record, put_options about) const {
        if (admission_ && !admission_->storing_pays(about.cost)) {
            return false;
        }
        scoped_timer const timed(admission_ ? &admission_->storing.took : nullptr);
        return inner_.put(key, record, about);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        return inner_.update(key, merge, about);
    }

    [[nodiscard]] bool erase(key128 key) const { return inner_.erase(key); }
    void clear() const { inner_.clear(); }
    [[nodiscard]] backend_statistics stats() const { return inner_.stats(); }
    [[nodiscard]] backend_statistics events() const { return events_of(inner_); }

    /// Does not wait for another process whose result would not be stored.
    [[nodiscard]] auto lead(key128 key) const requires leading_partition<Partition> {
        using right = decltype(inner_.lead(key));
        return admission_ && !admission_->pays() ? std::optional<right>()
                                                 : std::optional<right>(inner_.lead(key));
    }

    [[nodiscard]] auto try_lead(key128 key) const requires leading_partition<Partition> {
        return inner_.try_lead(key);
    }

  private:
    [[nodiscard]] latency* latency_of_lookups() const noexcept {
        return admission_ ? &admission_->looking.took : nullptr;
    }

    Partition inner_;
    std::shared_ptr<admission> admission_; ///< null: all results are stored
};

} // namespace memo::detail
