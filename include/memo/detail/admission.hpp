// SPDX-License-Identifier: BSL-1.0
#pragma once

// Admission by `time_threshold = memo::worthwhile`: results are stored if a store and a lookup take less
// time than the evaluation, by latencies measured while the program runs.

#include <memo/backend.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/stats/latency.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

/// The latency of one kind of operation, and a schedule that tries it from time to time although it is
/// not worthwhile, because its latency may have changed.
///
/// Thread safety:  safe; of two concurrent updates one may be lost
class periodic_trial {
  public:
    latency time; ///< of one operation

    /// Trials take at most 1/share of the function's time.
    static constexpr int share = 256;

    /// cost            time of an evaluation
    void add_evaluation(std::chrono::nanoseconds cost) noexcept;

    /// Whether a trial is due. If so, restarts the schedule.
    [[nodiscard]] bool is_due() noexcept;

  private:
    std::atomic<std::int64_t> since_trial_{0}; ///< ns of evaluations
};

/// The admission of one function on one backend. Operations of unknown latency are admitted.
///
/// Thread safety:  safe; of two concurrent updates one may be lost
class admission {
  public:
    periodic_trial lookups; ///< get
    periodic_trial stores;  ///< put

    /// Whether to store a result: its evaluation took longer than a store and a lookup, or a trial is due.
    [[nodiscard]] bool admit_store(std::chrono::nanoseconds cost) noexcept;

    /// Whether to look a result up: most results are stored, or a trial is due.
    [[nodiscard]] bool admit_lookup() noexcept;

    /// Whether the average evaluation takes longer than a store and a lookup.
    [[nodiscard]] bool is_worthwhile() const noexcept;

  private:
    latency evaluations_;
};

/// A partition for records of type Record that stores only worthwhile results, or all.
///
/// Thread safety:  as the inner partition; copies share their latencies
template <class Partition, class Record> class admitting_partition {
  public:
    static constexpr bool validates = validating_partition<Partition>;

    admitting_partition(Partition inner, bool worthwhile)
        : inner_(std::move(inner)),
          admission_(worthwhile ? std::make_shared<admission>() : nullptr) {}

    [[nodiscard]] lookup_result<Record> get(key128 key) const {
        if (admission_ && !admission_->admit_lookup()) {
            return miss_reason::absent;
        }
        scoped_timer const timer(latency_of_lookups());
        return inner_.get(key);
    }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const {
        if (admission_ && !admission_->admit_lookup()) {
            return miss_reason::absent;
        }
        scoped_timer const timer(latency_of_lookups());
        return detail::peek<Record>(inner_, key);
    }

    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> results) const {
        if (keys.empty() || (admission_ && !admission_->admit_lookup())) {
            return;
        }
        scoped_timer const timer(latency_of_lookups(), keys.size());
        detail::get_many<Record>(inner_, keys, results);
    }

    bool put(key128 key, Record const& record, put_options options) const {
        if (admission_ && !admission_->admit_store(options.cost)) {
            return false;
        }
        scoped_timer const timer(admission_ ? &admission_->stores.time : nullptr);
        return inner_.put(key, record, options);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
        return inner_.update(key, merge, options);
    }

    [[nodiscard]] bool erase(key128 key) const { return inner_.erase(key); }
    void clear() const { inner_.clear(); }
    [[nodiscard]] backend_statistics stats() const { return inner_.stats(); }
    [[nodiscard]] backend_statistics events() const { return events_of(inner_); }

    /// Waits for no other process if results are not worthwhile: that process would not store its result.
    [[nodiscard]] auto lead(key128 key) const requires leading_partition<Partition> {
        using lease = decltype(inner_.lead(key));
        return admission_ && !admission_->is_worthwhile() ? std::optional<lease>()
                                                          : std::optional<lease>(inner_.lead(key));
    }

    [[nodiscard]] auto try_lead(key128 key) const requires leading_partition<Partition> {
        return inner_.try_lead(key);
    }

  private:
    [[nodiscard]] latency* latency_of_lookups() const noexcept {
        return admission_ ? &admission_->lookups.time : nullptr;
    }

    Partition inner_;
    std::shared_ptr<admission> admission_; ///< null: all results are stored
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "admission.ipp"
#endif
