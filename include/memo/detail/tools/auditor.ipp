// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/text.hpp>
#include <memo/detail/tools/auditor.hpp>
#include <memo/error.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace memo::detail {

MEMO_DEFINITION audit_turns::audit_turns(double share)
    : share_(share), seed_(share > 0 ? random_word() : 0) {
    if (!(share >= 0 && share <= 1)) {
        throw error(errc::configuration,
                    "memoize: audit is the share of hits that are audited; give 0 to 1");
    }
}

MEMO_DEFINITION bool audit_turns::next() noexcept {
    auto const turn = static_cast<double>(turns_.fetch_add(1, std::memory_order_relaxed));
    if (share_ > 0.5) {
        return uniform(turn) < share_;
    }
    double const group = math::floor(turn * share_);
    return turn_in(group) == turn || turn_in(group + 1) == turn;
}

MEMO_DEFINITION double audit_turns::turn_in(double group) const noexcept {
    return math::floor((group + uniform(group)) / share_);
}

MEMO_DEFINITION double audit_turns::uniform(double number) const noexcept {
    auto const index = static_cast<std::uint64_t>(number);
    return static_cast<double>(replicate_of({seed_, 0}, {index, 0}).seed >> 11U) * 0x1p-53;
}

/// Disables audits in the calling thread, in all modules, for its lifetime: an audited function that calls
/// itself would otherwise run again for every level of its recursion.
struct audit_under_way {
    audit_under_way() { this_thread_slot().is_auditing = true; }
    audit_under_way(audit_under_way const&) = delete;
    audit_under_way& operator=(audit_under_way const&) = delete;
    ~audit_under_way() { this_thread_slot().is_auditing = false; }
};

MEMO_DEFINITION auditor_base::auditor_base(double share, disagreement_report const& report,
                                           on_miss_policy on_miss, bool comparable,
                                           call_counters& counters)
    : counters_(counters), turns_(share), report_(report) {
    if (turns_.is_enabled() && !comparable) {
        throw error(errc::configuration,
                    "memoize: audit compares results, and these cannot be compared. Give "
                    "their class a cereal serialize() or an operator==, or leave audit at 0");
    }
    if (turns_.is_enabled() && on_miss == on_miss_policy::fail) {
        throw error(errc::configuration,
                    "memoize: audit runs the function again, and on_miss = fail forbids that; "
                    "choose one of them");
    }
}

MEMO_DEFINITION auditor_base::~auditor_base() = default;

MEMO_DEFINITION void auditor_base::audit(key128 key, audited_call& call) {
    if (this_thread_slot().is_auditing || !turns_.next()) {
        return;
    }
    std::string text;
    try {
        audit_under_way const no_nested_audits;
        explanation parts;
        call.explain(parts); // before the function moves from its arguments
        text = to_string(parts);
        timed_run timer(counters_);
        call.run(replicate_of(key, {random_number(), 0}));
        timer.returned();
        counters_.add(&statistics::audits);
        if (!call.disagrees()) {
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

MEMO_DEFINITION void auditor_base::report(std::string const& text) {
    if (report_) {
        report_(text);
    } else if (!reported_.exchange(true)) {
        print_error(text + "Further disagreements of this function are only counted.\n");
    }
}

} // namespace memo::detail
