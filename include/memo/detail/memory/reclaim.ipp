// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slots.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION reclaimer::reclaimer() : slots_(process_wide<thread_slots>()) {}

MEMO_DEFINITION void reclaimer::retire(retirable& object, std::size_t bytes) noexcept {
    constexpr std::size_t max_count = 64;
    constexpr std::size_t max_bytes = std::size_t{256} * 1024;
    std::scoped_lock const lock(mutex_);
    object.next = std::exchange(retired_, &object);
    retired_count_ += 1;
    retired_bytes_ += bytes;
    if (retired_count_ >= max_count || retired_bytes_ >= max_bytes) {
        due_.store(true, std::memory_order_relaxed);
    }
}

MEMO_DEFINITION void reclaimer::reclaim_if_due() noexcept {
    if (due_.load(std::memory_order_relaxed)) {
        reclaim();
    }
}

MEMO_DEFINITION void reclaimer::reclaim() noexcept {
    for (retirable* free : take_free()) {
        while (free != nullptr) {
            retirable* const each = std::exchange(free, free->next);
            each->destroy(each);
        }
    }
}

MEMO_DEFINITION std::array<retirable*, 2> reclaimer::take_free() noexcept {
    std::scoped_lock const lock(mutex_);
    std::uint64_t const
        now = // seq_cst: the unlinking stores precede the barrier and the loads below
        slots_.orders().epoch.fetch_add(1, std::memory_order_seq_cst) + 1;
    retired_count_ = 0;
    retired_bytes_ = 0;
    due_.store(false, std::memory_order_relaxed);
    if (waiting_ == nullptr && retired_ == nullptr) {
        return {};
    }
    slots_.barrier_for_all();
    std::uint64_t const oldest = slots_.oldest_reader();
    if (waiting_ != nullptr && waiting_epoch_ > oldest) {
        return {};
    }
    std::array<retirable*, 2> free{std::exchange(waiting_, std::exchange(retired_, nullptr))};
    waiting_epoch_ = now;
    if (waiting_epoch_ <= oldest) {
        free[1] = std::exchange(waiting_, nullptr);
    }
    return free;
}

} // namespace memo::detail
