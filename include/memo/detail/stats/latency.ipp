// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/stats/latency.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace memo::detail {

MEMO_DEFINITION void latency::add(std::chrono::nanoseconds time) noexcept {
    std::int64_t const ns = time.count();
    std::int64_t const before = average_.load(std::memory_order_relaxed);
    average_.store(before < 0 ? ns : before + (ns - before) / 8, std::memory_order_relaxed);
    if (ns < minimum_.load(std::memory_order_relaxed)) {
        minimum_.store(ns, std::memory_order_relaxed);
    }
}

MEMO_DEFINITION void scoped_timer::start() noexcept {
    start_ = std::chrono::steady_clock::now();
}

MEMO_DEFINITION void scoped_timer::stop() noexcept {
    target_->add((std::chrono::steady_clock::now() - start_) / operations_);
}

} // namespace memo::detail
