// SPDX-License-Identifier: BSL-1.0
#pragma once

// Steps 4 to 6 of docs/walk.md, for all functions and records alike: one caller of a key leads, the function
// runs with no lock held, and the result is stored. function_cache.hpp has the steps before them.
//
// The walk is compiled once. What depends on the types of a call are the virtual functions of pending_call:
// beside the run of a function an indirect call costs nothing.

#include <memo/backend.hpp>
#include <memo/detail/cache/single_flight.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/replicate.hpp>
#include <memo/statistics.hpp>
#include <memo/time_span.hpp>
#include <memo/tools/explanation.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace memo::detail {

/// One call below the fast path. It holds the call's record, of a type that the walk does not know.
///
/// Thread safety:  none
class pending_call {
  public:
    pending_call(pending_call const&) = delete;
    pending_call& operator=(pending_call const&) = delete;

    [[nodiscard]] key128 key() const noexcept { return key_; }

    /// The key of the call's flight. Calls whose keys collide share neither a record nor a flight.
    [[nodiscard]] virtual key128 flight() const = 0;

    /// Keeps other processes from evaluating the key while the result lives, if the backend can.
    [[nodiscard]] virtual std::shared_ptr<void> lead_processes() const = 0;

    /// Looks the record up and keeps what it finds.
    ///
    /// Returns:        nothing if the record is enough; `unsettled` if it is not; otherwise why there is none
    [[nodiscard]] virtual std::optional<miss_reason> look_again() = 0;

    /// Whether the record has a result, enough or not.
    [[nodiscard]] virtual bool has_result() const = 0;

    /// Runs the function once, stores the result, and keeps the new record.
    ///
    /// since           the time of invalidation_log at which the run began
    virtual void run_once(std::uint64_t since) = 0;

    /// Whether to run the function again.
    ///
    /// runs            of this call
    [[nodiscard]] virtual bool needs_sample(std::uint64_t runs) const = 0;

    /// Whether a run of the function threw.
    [[nodiscard]] bool threw() const noexcept { return threw_; }

    /// Whether the function has the state that is in the key.
    [[nodiscard]] virtual bool has_state() const = 0;

    /// Stores the result in the backend. Returns whether it is stored.
    virtual bool put(put_options const& about) = 0;

    /// Erases a result that was invalidated as it was stored, if the backend does not check that itself.
    virtual void erase_invalid() = 0;

    /// Passes the record to the followers.
    virtual void complete(single_flight::role& leader) const = 0;

    /// Takes the record of another caller if it serves this call.
    [[nodiscard]] virtual bool take(void const* record) = 0;

    /// parts           empty; becomes the explanation of the call
    virtual void explain(explanation& parts) = 0;

    /// Runs the function again for a hit, stops the timer, and compares the result with the record.
    ///
    /// Returns:        whether the record is contradicted
    [[nodiscard]] virtual bool disagrees(replicate const& which, timed_run& timer) = 0;

  protected:
    explicit pending_call(key128 key) : key_(key) {}
    ~pending_call() = default;

    bool threw_ = false;

  private:
    key128 const key_;
};

/// The options of a function that every result type has, and what its backend and its records can do.
struct cache_options {
    time_span ttl;
    storing_threshold time_threshold;
    on_error_policy on_error{};
    on_miss_policy on_miss{};
    bool single_flight = true;
    bool audits = false; ///< then no hit takes the fast path
    bool stores = true;  ///< see backend.hpp
    bool merges = false; ///< see detail/record/exact.hpp
};

/// Where the record of a call comes from.
struct record_origin {
    memo::source source = memo::source::hit;
    std::optional<miss_reason> reason{}; ///< of the miss; none for a hit
};

/// One function's cache without the types of its records and its backend.
///
/// Thread safety:  safe
class function_cache_base {
  public:
    function_cache_base(function_cache_base const&) = delete;
    function_cache_base& operator=(function_cache_base const&) = delete;

    [[nodiscard]] call_counters& counters() const noexcept { return counters_; }

    /// Serves a call whose lookup found no record that is enough.
    ///
    /// reason          of the lookup
    record_origin miss(pending_call& call, miss_reason reason);

    /// Serves a call whose caller leads.
    ///
    /// alone           see pending_call::lead_processes; ends before the flight
    record_origin lead(single_flight::role& leader, pending_call& call, miss_reason reason,
                       std::shared_ptr<void> alone);

    /// Counts a call that an earlier one of the same batch serves.
    void coalesce();

  protected:
    /// store           its identity
    ///
    /// Throws:         memo::error (configuration)
    function_cache_base(key128 store, key128 scope, cache_options const& chosen);
    ~function_cache_base() = default;

    /// Runs an operation of the partition. A failure is counted and returns `otherwise`; under on_error =
    /// strict it is thrown, as memo::error (backend).
    template <class Result, class Operation>
    Result attempt(char const* verb, Result otherwise, Operation const& operation) const {
        try {
            return operation();
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            failed(verb);
        }
        return otherwise;
    }

    /// Stores a result, unless the record was invalidated since the function began, or the function's state
    /// is not that of the key any more: the state may change while the function runs, or waits for a
    /// leader or a claim.
    ///
    /// since           see pending_call::run_once
    void store(pending_call& call, std::uint64_t since, std::chrono::nanoseconds cost);

    /// The number of a sample that no record numbers.
    [[nodiscard]] std::uint64_t next_number() noexcept {
        return next_number_.fetch_add(1, std::memory_order_relaxed);
    }

    /// The counters since the last reset.
    ///
    /// now             the events of the partition
    [[nodiscard]] statistics since_reset(backend_statistics const& now) const;
    void reset(backend_statistics const& now);

    [[nodiscard]] single_flight& flights() const noexcept { return shared_->flights; }
    [[nodiscard]] invalidation_log& invalidated() const noexcept { return shared_->invalidated; }
    /// Whether a miss runs the function.
    [[nodiscard]] bool runs() const noexcept { return options_.on_miss == on_miss_policy::compute; }
    [[nodiscard]] bool has_audits() const noexcept { return options_.audits; }
    [[nodiscard]] bool has_single_flight() const noexcept { return options_.single_flight; }
    [[nodiscard]] std::chrono::nanoseconds ttl() const noexcept { return options_.ttl; }

  private:
    void count(counter_place kind);
    void failed(char const* verb) const;
    [[nodiscard]] bool follow(single_flight::role const& follower, pending_call& call);
    record_origin evaluate(pending_call& call, miss_reason reason, bool looks_again);

    mutable call_counters counters_;
    flights_of_scope const shared_; ///< by all wrappers of the function on this store
    cache_options const options_;
    std::atomic<std::uint64_t> next_number_{0};
    mutable mutex mutex_;
    backend_statistics at_reset_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "function_cache_base.ipp"
#endif
