// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/admission.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace memo::detail {

MEMO_DEFINITION void periodic_trial::add_evaluation(std::chrono::nanoseconds cost) noexcept {
    std::int64_t const before = since_trial_.load(std::memory_order_relaxed);
    since_trial_.store(before + cost.count(), std::memory_order_relaxed);
}

MEMO_DEFINITION bool periodic_trial::is_due() noexcept {
    if (since_trial_.load(std::memory_order_relaxed) < share * time.average().count()) {
        return false;
    }
    since_trial_.store(0, std::memory_order_relaxed);
    return true;
}

MEMO_DEFINITION bool admission::admit_store(std::chrono::nanoseconds cost) noexcept {
    evaluations_.add(cost);
    lookups.add_evaluation(cost);
    stores.add_evaluation(cost);
    return !stores.time.is_known() || cost > lookups.time.average() + stores.time.average() ||
           stores.is_due();
}

MEMO_DEFINITION bool admission::admit_lookup() noexcept {
    return is_worthwhile() || lookups.is_due();
}

MEMO_DEFINITION bool admission::is_worthwhile() const noexcept {
    return !evaluations_.is_known() || !stores.time.is_known() ||
           evaluations_.average() > lookups.time.average() + stores.time.average();
}

} // namespace memo::detail
