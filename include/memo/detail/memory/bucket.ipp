// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/bucket.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sched.h>

namespace memo::detail {

MEMO_DEFINITION bucket::probe_result bucket::probe(slot_key key, slot_value& value,
                                                   std::size_t& slot) const {
    for (unsigned round = 0;; ++round) {
        std::uint32_t const before = state.load(std::memory_order_acquire);
        if (before == 0) {
            return probe_result::absent;
        }
        slot = find(key);
        auto result = probe_result::absent;
        if (slot != no_slot) {
            value = read(slot, content_of(slot, before));
            result = probe_result::hit;
        } else if (overflow.load(std::memory_order_acquire) != 0) {
            result = probe_result::next_bucket;
        }
        if (state.load(std::memory_order_relaxed) == (before | stable)) {
            return result;
        }
        if (round > 64) { // the writer was preempted while it changed this bucket
            ::sched_yield();
        }
    }
}

MEMO_DEFINITION std::size_t bucket::find(slot_key key) const {
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
        if (low[slot].load(std::memory_order_acquire) == key.low &&
            high[slot].load(std::memory_order_acquire) == key.high) {
            return slot;
        }
    }
    return no_slot;
}

MEMO_DEFINITION std::size_t bucket::find_low(std::uint64_t key_low) const {
    std::size_t slot = 0;
    while (slot < slot_count && low[slot].load(std::memory_order_acquire) != key_low) {
        ++slot;
    }
    return slot;
}

MEMO_DEFINITION slot_value bucket::read(std::size_t slot) const {
    return read(slot, content_of(slot, state.load(std::memory_order_relaxed)));
}

MEMO_DEFINITION void bucket::write(std::size_t slot, std::uint64_t key_low, std::uint16_t key_high,
                                   slot_value value, std::uint32_t first_version) {
    auto before = state.load(std::memory_order_relaxed);
    before = before != 0 ? before : first_version | stable | all_words;
    state.store(before & ~stable, std::memory_order_relaxed);
    low[slot].store(key_low, std::memory_order_release);
    high[slot].store(key_high, std::memory_order_release);
    word[slot].store(value.word, std::memory_order_release);
    cost[slot].store(value.cost, std::memory_order_release);
    auto const after = (before + one_version) & ~word_in(slot);
    state.store(value.is_block() ? after : after | word_in(slot), std::memory_order_release);
}

MEMO_DEFINITION void bucket::clear() {
    auto const before = state.load(std::memory_order_relaxed);
    if (before == 0) {
        return;
    }
    state.store(before & ~stable, std::memory_order_relaxed);
    for (auto& key_low : low) {
        key_low.store(0, std::memory_order_release);
    }
    overflow.store(0, std::memory_order_release);
    visited.store(0, std::memory_order_relaxed);
    state.store((before + one_version) | all_words, std::memory_order_release);
}

MEMO_DEFINITION bool bucket::was_visited(std::size_t slot) const {
    return (visited.load(std::memory_order_relaxed) & bit_of(slot)) != 0;
}

MEMO_DEFINITION void bucket::clear_visited(std::size_t slot) {
    visited.store(
        static_cast<std::uint8_t>(visited.load(std::memory_order_relaxed) & ~bit_of(slot)),
        std::memory_order_relaxed);
}

// The release pairs with the acquire load in probe(): a reader that sees the smaller count also sees
// the removal.
MEMO_DEFINITION void bucket::set_overflow(int count) {
    overflow.store(static_cast<std::uint16_t>(count), std::memory_order_release);
}

} // namespace memo::detail
