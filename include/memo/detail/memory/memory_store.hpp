// SPDX-License-Identifier: BSL-1.0
#pragma once

// The store that the functions of one memory backend share: a clock, bounds, and one partition per
// function.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/partition.hpp>
#include <memo/detail/memory/partition_map.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/saturated.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

namespace memo::detail {

class memory_store {
  public:
    explicit memory_store(memory_settings settings)
        : settings_(std::move(settings)), partitions_(settings_) {}

    [[nodiscard]] reclaimer const& reclaimer_of_creator() const noexcept { return reclaimer_; }

    /// The partition of one function. Every open() needs a close().
    [[nodiscard]] partition& open(key128 scope) { return partitions_.open(scope); }
    void close(partition& of) noexcept { partitions_.close(of); }

    [[nodiscard]] std::int64_t now() const { return settings_.clock().time_since_epoch().count(); }

    /// The time `span` after now, saturated at the end of the clock's range.
    [[nodiscard]] std::int64_t after(std::chrono::nanoseconds span) const {
        return saturated_sum<std::int64_t>(now(), span.count());
    }

    /// Stores a value, or retires it and returns false.
    ///
    /// valid           called under the segment's lock, right before the store
    bool put(partition& partition, key128 key, slot_value value, validity const& valid) {
        if (!admit(partition, key, value, {})) {
            retire(value);
            return false;
        }
        bool stored = false;
        try {
            slot_value old;
            stored = partition.entries.put_if(key, value, valid, old);
            if (!stored || old.exists()) {
                partitions_.release(partition, stored ? old : value);
            }
        } catch (...) { // no memory to grow
            partitions_.release(partition, value);
            throw;
        }
        process_wide<reclaimer>().reclaim_if_due();
        return stored;
    }

    /// Stores `make(current value)`; retries if the current value changes meanwhile. Returns false
    /// if the new value does not fit, or is no longer valid.
    ///
    /// valid           called under the segment's lock, right before the store
    bool update(partition& partition, key128 key, function_ref<slot_value(slot_value)> make,
                validity const& valid) {
        bool stored = false;
        while (!stored && valid()) {
            read_section const reading; // `old` is not freed, so its address is not reused
            slot_value const old = partition.entries.find(key);
            slot_value const value = make(old);
            if (!admit(partition, key, value, old)) {
                retire(value);
                break;
            }
            try {
                stored = partition.entries.exchange(key, old, value, valid);
            } catch (...) { // no memory to grow
                partitions_.charge(partition, partitions_.weight_of(old, value));
                retire(value);
                throw;
            }
            if (stored) {
                retire(old);
            } else {
                partitions_.charge(partition, partitions_.weight_of(old, value));
                retire(value);
            }
        }
        process_wide<reclaimer>().reclaim_if_due();
        return stored;
    }

    bool erase_if(partition& partition, key128 key, function_ref<bool(slot_value)> predicate) {
        slot_value const old = partition.entries.erase_if(key, predicate);
        if (old.exists()) {
            partitions_.release(partition, old);
            process_wide<reclaimer>().reclaim_if_due();
        }
        return old.exists();
    }

    void clear(partition& partition) noexcept { partitions_.clear(partition); }

    [[nodiscard]] static backend_statistics stats(partition const& partition) {
        return partition_map::stats(partition);
    }

    [[nodiscard]] backend_statistics stats() const { return partitions_.stats(); }

  private:
    // The first member: its offset is the same in all versions of memo.
    reclaimer& reclaimer_ = process_wide<reclaimer>();

    /// Charges the weight of a value that will be stored, maybe in place of an old one, and evicts
    /// until it fits. Returns false, and charges nothing, if it cannot fit.
    [[nodiscard]] bool admit(partition& partition, key128 key, slot_value value,
                             slot_value old) noexcept {
        if (partitions_.too_large(value)) {
            partition.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        weight const whole = partitions_.weight_of(value, old);
        weight more = whole;
        for (int round = 0; round < 2; ++round) { // another thread may use the same room
            bool const fits = make_room(partition, key, more);
            partitions_.charge(partition, fits ? more : more -= whole);
            if (!fits) {
                return false;
            }
            more = {};
        }
        return true;
    }

    /// Evicts until `more` fits, and subtracts the weight of the evicted entries from `more`.
    [[nodiscard]] bool make_room(partition& partition, key128 key, weight& more) noexcept {
        while (partitions_.exceeds_bound(more)) {
            weight const freed = partitions_.evict_one(partition, key);
            if (freed.entries == 0) {
                return false;
            }
            more -= freed;
        }
        return true;
    }

    memory_settings const settings_;
    partition_map partitions_;
};

} // namespace memo::detail
