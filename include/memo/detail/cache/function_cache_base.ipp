// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/function_cache_base.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/text.hpp>
#include <memo/error.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace memo::detail {

/// The counters of misses, in the order of miss_reason.
inline constexpr counter_place misses_by_reason[] = {
    &statistics::misses_absent,    &statistics::misses_expired,
    &statistics::misses_corrupt,   &statistics::misses_other_stream,
    &statistics::misses_unsettled, &statistics::misses_unavailable,
    &statistics::misses_version};

/// Throws:         memo::error (configuration) for spans that cannot be meant
MEMO_DEFINITION cache_options const& check_spans(cache_options const& chosen) {
    if (chosen.ttl.is_negative()) {
        throw error(errc::configuration, "memoize: .ttl is negative; give how long a result is "
                                         "served, or 0 for ever");
    }
    if (chosen.time_threshold.least().count() < 0) {
        throw error(errc::configuration, "memoize: .time_threshold is negative; give how long what "
                                         "is stored takes at the least, or 0 for everything");
    }
    return chosen;
}

MEMO_DEFINITION function_cache_base::function_cache_base(key128 store, key128 scope,
                                                         cache_options const& chosen)
    : counters_(!chosen.audits), shared_(store, scope), options_(check_spans(chosen)) {}

// Step 4: one caller leads.

MEMO_DEFINITION record_origin function_cache_base::miss(pending_call& call, miss_reason reason) {
    if (!runs()) { // no leader: callers of other wrappers may run the function
        return evaluate(call, reason, true);
    }
    if (!options_.single_flight || !options_.stores) {
        return evaluate(call, reason, false);
    }
    for (;;) {
        auto role = flights().join(call.flight(), call.key());
        if (role.leads()) {
            return lead(role, call, reason, call.lead_processes());
        }
        if (follow(role, call)) {
            return {source::coalesced, reason};
        } // the leader gave up, or its record is not enough for this caller
    }
}

// Followers are thrown what the function throws. Any other failure comes from the leader's own options or
// backend, so a follower takes over.
MEMO_DEFINITION record_origin function_cache_base::lead(single_flight::role& leader,
                                                        pending_call& call, miss_reason reason,
                                                        std::shared_ptr<void> alone) {
    try {
        record_origin const origin = evaluate(call, reason, true);
        alone.reset();
        call.complete(leader);
        return origin;
    } catch (...) {
        alone.reset();
        if (call.threw()) {
            leader.fail(std::current_exception());
        } else {
            leader.give_up();
        }
        throw;
    }
}

/// Waits for the leader. Counts nothing if there is no record that is enough.
MEMO_DEFINITION bool function_cache_base::follow(single_flight::role const& follower,
                                                 pending_call& call) {
    shared_record result;
    try {
        result = follower.result();
    } catch (...) {
        coalesce();
        throw;
    }
    if (!result || !call.take(result.get())) {
        return false;
    }
    coalesce();
    return true;
}

// Step 5: run the function with no lock held.

/// Runs the function, unless a record that is enough was stored since the first lookup.
///
/// looks_again     whether another leader may have stored one
MEMO_DEFINITION record_origin function_cache_base::evaluate(pending_call& call, miss_reason reason,
                                                            bool looks_again) {
    bool has_record = false;
    if (options_.stores && (looks_again || options_.merges)) { // a mean goes on from its record
        std::optional<miss_reason> const again = [&] {
            scoped_timer const timed(counters_.looking().sample());
            return call.look_again();
        }();
        if (!again) {
            count(&statistics::hits);
            return {source::hit, std::nullopt};
        }
        has_record = *again == miss_reason::unsettled;
        // The first lookup erased an expired record; others erased an unsettled one.
        reason =
            has_record || reason == miss_reason::unsettled ? *again : last_reason(reason, *again);
    }
    bool const refines = runs() && has_record && call.has_result();
    if (refines) {
        count(&statistics::refinements);
    } else {
        count(&statistics::misses);
        counters_.add(misses_by_reason[static_cast<std::size_t>(reason)]);
    }
    if (!runs()) {
        explanation parts;
        call.explain(parts);
        parts.miss = reason;
        throw error(errc::miss,
                    joined({"replay ", to_string(call.key()),
                            ": what is stored does not serve this call, and on_miss = fail "
                            "forbids to run the function. Run it with on_miss = compute "
                            "first, or see which part of the key is not the one that was "
                            "stored:\n",
                            to_string(parts)}));
    }
    std::uint64_t count_of_runs = 0;
    do {
        call.run_once(invalidated().now());
    } while (call.needs_sample(++count_of_runs));
    return {refines ? source::refined : source::computed, reason};
}

// Step 6: store the result.

MEMO_DEFINITION void function_cache_base::store(pending_call& call, std::uint64_t since,
                                                std::chrono::nanoseconds cost) {
    if (!call.has_state()) {
        counters_.add(&statistics::rejected);
        return;
    }
    auto const valid = [&] { return !invalidated().includes(call.key(), since); };
    if (!valid()) {
        return;
    }
    {
        scoped_timer const timed(counters_.storing().sample());
        if (call.put({cost, ttl(), validity(valid)})) {
            counters_.add(&statistics::sets);
        }
    }
    if (!valid()) {
        call.erase_invalid();
    }
}

// Failures and counters.

MEMO_DEFINITION void function_cache_base::failed(char const* verb) const {
    std::string what = "an exception that is no std::exception";
    try {
        throw;
    } catch (error const& failure) {
        if (failure.code() == errc::sample) {
            throw; // of a merge: the function's failure, not the backend's
        }
        what = failure.message();
    } catch (std::exception const& failure) {
        what = failure.what();
    } catch (...) { // no text
    }
    counters_.add(&statistics::errors);
    if (options_.on_error == on_error_policy::strict) {
        throw error(errc::backend, joined({"backend ", verb, ": ", what}));
    }
}

MEMO_DEFINITION void function_cache_base::count(counter_place kind) {
    counters_.add(&statistics::calls);
    counters_.add(kind);
}

MEMO_DEFINITION void function_cache_base::coalesce() {
    count(&statistics::coalesced);
}

MEMO_DEFINITION statistics function_cache_base::since_reset(backend_statistics const& now) const {
    statistics sum = counters_.since_reset();
    std::scoped_lock const lock(mutex_);
    return sum.add(now, at_reset_);
}

MEMO_DEFINITION void function_cache_base::reset(backend_statistics const& now) {
    counters_.reset();
    std::scoped_lock const lock(mutex_);
    at_reset_ = now;
}

} // namespace memo::detail
