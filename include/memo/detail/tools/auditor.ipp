// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/text.hpp>
#include <memo/detail/tools/auditor.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/tools/explanation.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

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
    return turn_in(math::floor(turn * share_)) == turn;
}

MEMO_DEFINITION double audit_turns::turn_in(double group) const noexcept {
    double const first = math::ceil(group / share_);
    double const size = math::ceil((group + 1) / share_) - first;
    return first + math::floor(uniform(group) * size);
}

MEMO_DEFINITION double audit_turns::uniform(double number) const noexcept {
    auto const index = static_cast<std::uint64_t>(number);
    return static_cast<double>(replicate_of({seed_, 0}, {index, 0}).seed >> 11U) * 0x1p-53;
}

MEMO_DEFINITION auditor::auditor(double share, bool comparable, bool runs,
                                 disagreement_report report, call_counters& counters)
    : counters_(counters), turns_(share), report_(std::move(report)) {
    if (turns_.is_enabled() && !comparable) {
        throw error(errc::configuration,
                    "memoize: audit compares results, and these cannot be compared. Give "
                    "their class a cereal serialize() or an operator==, or leave audit at 0");
    }
    if (turns_.is_enabled() && !runs) {
        throw error(errc::configuration,
                    "memoize: audit runs the function again, and on_miss = fail forbids that; "
                    "choose one of them");
    }
}

MEMO_DEFINITION bool auditor::is_next() noexcept {
    return !this_thread_slot().is_auditing && turns_.next();
}

MEMO_DEFINITION void auditor::audit(pending_call& hit) {
    struct under_way {
        under_way() { this_thread_slot().is_auditing = true; }
        under_way(under_way const&) = delete;
        under_way& operator=(under_way const&) = delete;
        ~under_way() { this_thread_slot().is_auditing = false; }
    };
    std::string text;
    try {
        under_way const no_nested_audits;
        explanation parts;
        hit.explain(parts); // before the function moves from its arguments
        text = to_string(parts);
        timed_run timer(counters_);
        if (!hit.disagrees(replicate_of(hit.key(), {random_number(), 0}), timer)) {
            return;
        }
    } catch (thread_cancelled const&) {
        throw;
    } catch (...) {
        return;
    }
    counters_.add(&statistics::disagreements);
    report(joined({"memo: audit ", to_string(hit.key()),
                   ": the function no longer returns the stored result. It reads something that is "
                   "not in the key, or it changed without a new version:\n",
                   text}));
}

MEMO_DEFINITION void auditor::report(std::string const& text) {
    if (report_) {
        report_(text);
    } else if (!reported_.exchange(true)) {
        print_error(text + "Further disagreements of this function are only counted.\n");
    }
}

} // namespace memo::detail
