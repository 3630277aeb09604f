// SPDX-License-Identifier: BSL-1.0
#pragma once

// Audits of hits: selects hits at random, runs the function again for them, and compares its result with the
// record.

#include <memo/detail/key/same_value.hpp>
#include <memo/detail/math.hpp>
#include <memo/detail/record/drift.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/thread_slot.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/tools/explanation.hpp>

#include <atomic>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <string>
#include <type_traits>

namespace memo::detail {

/// Selects one hit at random in each group of 1 / share consecutive hits: no pattern of calls evades it, and
/// the distance between two audits is bounded.
///
/// Thread safety:  safe
class audit_turns {
  public:
    /// Throws:         memo::error (configuration)
    explicit audit_turns(double share) : share_(share), seed_(share > 0 ? random_word() : 0) {
        if (!(share >= 0 && share <= 1)) {
            throw error(errc::configuration,
                        "memoize: audit is the share of hits that are audited; give 0 to 1");
        }
    }

    [[nodiscard]] bool is_enabled() const noexcept { return share_ > 0; }

    /// Whether to audit the next hit.
    [[nodiscard]] bool next() noexcept {
        auto const turn = static_cast<double>(turns_.fetch_add(1, std::memory_order_relaxed));
        if (share_ > 0.5) {
            return uniform(turn) < share_;
        }
        double const group = math::floor(turn * share_);
        return turn_in(group) == turn || turn_in(group + 1) == turn;
    }

  private:
    /// The selected hit of a group. 1 / share need not be an integer.
    [[nodiscard]] double turn_in(double group) const noexcept {
        return math::floor((group + uniform(group)) / share_);
    }

    /// A random number in [0, 1), a function of its argument.
    [[nodiscard]] double uniform(double number) const noexcept {
        auto const index = static_cast<std::uint64_t>(number);
        return static_cast<double>(replicate_of({seed_, 0}, {index, 0}).seed >> 11U) * 0x1p-53;
    }

    double share_;
    std::uint64_t seed_;
    std::atomic<std::uint64_t> turns_{0};
};

/// Disables audits in the calling thread, in all modules, for its lifetime: an audited function that calls
/// itself would otherwise run again for every level of its recursion.
struct audit_under_way {
    audit_under_way() { this_thread_slot().is_auditing = true; }
    audit_under_way(audit_under_way const&) = delete;
    audit_under_way& operator=(audit_under_way const&) = delete;
    ~audit_under_way() { this_thread_slot().is_auditing = false; }
};

/// The audits of one function.
///
/// Evaluation      see detail/record/exact.hpp
/// Thread safety:  safe
template <class Evaluation> class auditor {
    using record = typename Evaluation::record;
    using sample = typename Evaluation::sample;

  public:
    /// evaluation, counters    of the function's cache, which must outlive this object
    ///
    /// Throws:         memo::error (configuration)
    auditor(typename Evaluation::options const& options, Evaluation const& evaluation,
            call_counters& counters)
        : evaluation_(evaluation),
          counters_(counters),
          turns_(options.audit),
          report_(options.on_disagreement) {
        if (turns_.is_enabled() && !Evaluation::comparable) {
            throw error(errc::configuration,
                        "memoize: audit compares results, and these cannot be compared. Give "
                        "their class a cereal serialize() or an operator==, or leave audit at 0");
        }
        if (turns_.is_enabled() && options.on_miss == on_miss_policy::fail) {
            throw error(errc::configuration,
                        "memoize: audit runs the function again, and on_miss = fail forbids that; "
                        "choose one of them");
        }
    }

    [[nodiscard]] bool is_enabled() const noexcept { return turns_.is_enabled(); }

    /// Runs the function again for a selected hit, and compares. Counts an exception of the function and
    /// does not rethrow it, because the caller gets the record's value.
    ///
    /// id              see call_identity
    /// run             runs the call, see memoized::call
    /// Throws:         exceptions of the user's on_disagreement
    template <class Id, class Run> void audit(Id const& id, record const& stored, Run&& run) {
        if (this_thread_slot().is_auditing || !turns_.next()) {
            return;
        }
        key128 const key = id.key;
        std::string text;
        try {
            audit_under_way const no_nested_audits;
            text = to_string(run.explain()); // before the function moves from its arguments
            timed_run timer(counters_);
            sample const fresh = run(replicate_of(key, {random_number(), 0}));
            timer.returned();
            counters_.add(&statistics::audits);
            if (!run.has_state(id.state) || !disagree(key, stored, fresh)) {
                return;
            }
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            return;
        }
        counters_.add(&statistics::disagreements);
        report("memo: audit " + to_string(key) +
               ": the function no longer returns the stored result. It reads something that is "
               "not in the key, or it changed without a new version:\n" +
               text);
    }

  private:
    /// Throws:         exceptions of the comparison
    [[nodiscard]] bool disagree(key128 key, record const& stored, sample const& fresh) {
        if constexpr (std::is_empty_v<typename Evaluation::audit_state>) {
            // Without the lock, because the comparison runs code of the user.
            return evaluation_.contradicts(history_, key, stored, fresh);
        } else {
            std::scoped_lock const lock(mutex_);
            return evaluation_.contradicts(history_, key, stored, fresh);
        }
    }

    /// Throws:         exceptions of the user's on_disagreement
    void report(std::string const& text) {
        if (report_) {
            report_(text);
        } else if (!reported_.exchange(true)) {
            std::cerr << text + "Further disagreements of this function are only counted.\n";
        }
    }

    Evaluation const& evaluation_;
    call_counters& counters_;
    audit_turns turns_;
    disagreement_report report_;
    std::atomic<bool> reported_{false};
    mutex mutex_;                              ///< guards history_
    typename Evaluation::audit_state history_; ///< of earlier audits; empty for exact results
};

} // namespace memo::detail
