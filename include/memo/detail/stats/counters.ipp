// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/saturated.hpp>
#include <memo/detail/stats/counters.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>

namespace memo::detail {

MEMO_DEFINITION call_counters::call_counters(bool quick) : quick_(quick) {}

MEMO_DEFINITION call_counters::~call_counters() {
    for (auto const& mine : by_thread_) {
        delete mine.load(std::memory_order_relaxed);
    }
}

MEMO_DEFINITION void call_counters::hit(std::uint64_t saved, std::uint64_t hits) {
    if (tally& mine = of_this_thread(); &mine != &shared_) {
        mine.hit(saved, hits);
    } else {
        mine.hits.fetch_add(hits, std::memory_order_relaxed);
        mine.saved.fetch_add(saved, std::memory_order_relaxed);
    }
}

MEMO_DEFINITION void call_counters::add(counter_place counter, std::uint64_t amount) {
    of_this_thread().counts[counter.value].fetch_add(amount, std::memory_order_relaxed);
}

MEMO_DEFINITION latency& call_counters::looking() {
    return of_this_thread().looking;
}
MEMO_DEFINITION latency& call_counters::storing() {
    return of_this_thread().storing;
}

MEMO_DEFINITION statistics call_counters::since_reset() const {
    std::scoped_lock const lock(mutex_);
    statistics sum = total();
    sum -= at_reset_;
    return sum;
}

MEMO_DEFINITION std::chrono::nanoseconds
call_counters::caching(statistics const& counted) const noexcept {
    auto const times = [&](std::uint64_t count, latency tally::*operation) {
        auto minimum = (std::chrono::nanoseconds::max)();
        for_each(
            [&](tally const& each) { minimum = (std::min)(minimum, (each.*operation).minimum()); });
        bool const is_known = minimum != (std::chrono::nanoseconds::max)();
        return is_known ? minimum * static_cast<std::int64_t>(count) : std::chrono::nanoseconds(0);
    };
    return times(2 * counted.calls - counted.hits, &tally::looking) +
           times(counted.evaluations, &tally::storing);
}

MEMO_DEFINITION void call_counters::reset() {
    std::scoped_lock const lock(mutex_);
    at_reset_ = total();
    needs_range_.store(false, std::memory_order_relaxed);
}

MEMO_DEFINITION call_counters::tally& call_counters::of_this_thread() {
    std::size_t const place = place_of(this_thread_slot());
    if (!quick_ || place == no_place) {
        return shared_;
    }
    tally* mine = by_thread_[place].load(std::memory_order_acquire);
    if (mine == nullptr) [[unlikely]] {
        mine = new (std::nothrow) tally;
        by_thread_[place].store(mine, std::memory_order_release);
    }
    return mine != nullptr ? *mine : shared_;
}

template <class Visit> void call_counters::for_each(Visit visit) const {
    visit(shared_);
    for (auto const& place : by_thread_) {
        if (auto const* const mine = place.load(std::memory_order_acquire)) {
            visit(*mine);
        }
    }
}

MEMO_DEFINITION statistics call_counters::total() const {
    statistics sum;
    for_each([&](tally const& each) { add_to(sum, each); });
    return sum;
}

/// Saturates at the maximum of std::chrono::nanoseconds.
MEMO_DEFINITION std::chrono::nanoseconds time_of(std::uint64_t ns) noexcept {
    constexpr std::uint64_t longest = (std::chrono::nanoseconds::max)().count();
    return std::chrono::nanoseconds((std::min)(ns, longest));
}

MEMO_DEFINITION void call_counters::add_to(statistics& sum, tally const& each) {
    std::uint64_t const hits = each.hits.load(std::memory_order_relaxed);
    sum.calls += hits;
    sum.hits += hits;
    sum.saved = saturated_sum(sum.saved, time_of(each.saved.load(std::memory_order_relaxed)));
    for (std::size_t i = 0; i < each.counts.size(); ++i) {
        std::uint64_t const count = each.counts[i].load(std::memory_order_relaxed);
        if (counter const& of = all_counters[i]; of.count != nullptr) {
            sum.*of.count += count;
        } else {
            sum.*of.time = saturated_sum(sum.*of.time, time_of(count));
        }
    }
}

MEMO_DEFINITION timed_run::timed_run(call_counters& counters) noexcept
    : counters_(counters), start_(std::chrono::steady_clock::now()) {}

MEMO_DEFINITION timed_run::~timed_run() {
    if (!returned_) {
        stop();
        counters_.add(&statistics::failures);
    }
}

MEMO_DEFINITION std::chrono::nanoseconds timed_run::returned() {
    returned_ = true;
    counters_.add(&statistics::evaluations);
    return stop();
}

MEMO_DEFINITION std::chrono::nanoseconds timed_run::stop() {
    std::chrono::nanoseconds const time = std::chrono::steady_clock::now() - start_;
    counters_.add(&statistics::computing, static_cast<std::uint64_t>(time.count()));
    return time;
}

} // namespace memo::detail
