// SPDX-License-Identifier: BSL-1.0
#pragma once

// A hit in, whether the function is to be run again for it out; then what is stored and what the
// function gives now in, whether they disagree out.

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

/// Whose turn it is: one of every 1 / share, at random among them, so that no pattern of calls hides
/// from it and no luck puts it off.
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

    [[nodiscard]] bool is_any() const noexcept { return share_ > 0; }

    [[nodiscard]] bool next() noexcept {
        auto const turn = static_cast<double>(turns_.fetch_add(1, std::memory_order_relaxed));
        if (share_ > 0.5) {
            return uniform(turn) < share_;
        }
        double const group = math::floor(turn * share_);
        return chosen_in(group) == turn || chosen_in(group + 1) == turn;
    }

  private:
    /// Groups are 1 / share long, which need not be a whole number.
    [[nodiscard]] double chosen_in(double group) const noexcept {
        return math::floor((group + uniform(group)) / share_);
    }

    /// A number from 0 to 1, without 1.
    [[nodiscard]] double uniform(double number) const noexcept {
        auto const of = static_cast<std::uint64_t>(number);
        return static_cast<double>(replicate_of({seed_, 0}, {of, 0}).seed >> 11U) * 0x1p-53;
    }

    double share_;
    std::uint64_t seed_;
    std::atomic<std::uint64_t> turns_{0};
};

/// Within an audit nothing is audited: a function that calls itself would be run again and again.
/// It may call itself through another module.
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
    /// evaluation, counters    of the function's cache, which outlives this
    ///
    /// Throws:         memo::error (configuration)
    auditor(typename Evaluation::options const& chosen, Evaluation const& evaluation,
            call_counters& counters)
        : evaluation_(evaluation),
          counters_(counters),
          turns_(chosen.audit),
          report_(chosen.on_disagreement) {
        if (turns_.is_any() && !Evaluation::comparable) {
            throw error(errc::configuration,
                        "memoize: audit compares results, and these can not be compared. Give "
                        "their class a cereal serialize() or an operator==, or leave audit at 0");
        }
        if (turns_.is_any() && chosen.on_miss == on_miss_policy::fail) {
            throw error(errc::configuration,
                        "memoize: audit runs the function again, and on_miss = fail forbids to run "
                        "it; choose one of them");
        }
    }

    [[nodiscard]] bool is_chosen() const noexcept { return turns_.is_any(); }

    /// Runs the function again for a hit, if it is its turn, and compares. What the function throws
    /// is counted and not passed on: the hit has its value.
    ///
    /// called          see call_name
    /// run             the call, see memoized::call
    /// Throws:         what the user's on_disagreement throws
    template <class Name, class Run>
    void audit(Name const& called, record const& stored, Run&& run) {
        if (this_thread_slot().is_auditing || !turns_.next()) {
            return;
        }
        key128 const key = called.key;
        std::string text;
        try {
            audit_under_way const nothing_within;
            text = to_string(run.explain()); // now, as the function may move from its arguments
            timed_run timed(counters_);
            sample const now = run(replicate_of(key, {random_number(), 0}));
            timed.returned();
            counters_.add(&statistics::audits);
            if (!run.has_state(called.state) || !disagree(key, stored, now)) {
                return;
            }
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            return;
        }
        counters_.add(&statistics::disagreements);
        report("memo: audit " + to_string(key) +
               ": the function does not give any more what is stored. Something that it "
               "reads is not in the key, or was changed without a new version:\n" +
               text);
    }

  private:
    /// Throws:         what comparing them throws
    [[nodiscard]] bool disagree(key128 key, record const& stored, sample const& now) {
        if constexpr (std::is_empty_v<typename Evaluation::audited>) {
            return evaluation_.contradicts(seen_, key, stored,
                                           now); // compares by code of the user's
        } else {
            std::scoped_lock const lock(mutex_);
            return evaluation_.contradicts(seen_, key, stored, now);
        }
    }

    /// Throws:         what the user's on_disagreement throws
    void report(std::string const& text) {
        if (report_) {
            report_(text);
        } else if (!reported_.exchange(true)) {
            std::cerr << text + "Further disagreements of this function are counted, not told.\n";
        }
    }

    Evaluation const& evaluation_;
    call_counters& counters_;
    audit_turns turns_;
    disagreement_report report_;
    std::atomic<bool> reported_{false};
    mutex mutex_; ///< guards what earlier audits have seen, if that is anything
    typename Evaluation::audited seen_; ///< by earlier audits
};

} // namespace memo::detail
