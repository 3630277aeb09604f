// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/segment.hpp>
#include <memo/detail/memory/table.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace memo::detail {

struct table::locked_segment {
    segment* home;
    std::unique_lock<mutex> lock;
};

template <bool Words> bool table::try_find_further(unfinalized_key key, slot_value& value) const {
    slot_key const bits(key);
    bucket* const buckets = buckets_of(bits.low);
    bucket* here = &buckets[bucket::number_of(bits.low)];
    for (std::size_t remaining = bucket::run_length - 1;
         remaining > 0 && here->overflow.load(std::memory_order_relaxed) != 0; --remaining) {
        here = &bucket::after(buckets, *here);
        if (try_find_in<Words>(*here, bits, value) == bucket::probe_result::hit) {
            return true;
        }
    }
    return false;
}

#if defined(MEMO_COMPILED)
template bool table::try_find_further<true>(unfinalized_key, slot_value&) const;
#endif

MEMO_DEFINITION slot_value table::find(unfinalized_key key, bool is_use) const {
    slot_key const bits(key);
    for (;;) {
        directory const root = directory_.now();
        auto const& pointer = root.buckets_of(bits.low);
        bucket* const buckets = pointer.load(std::memory_order_acquire);
        auto const& home = buckets[bucket::number_of(bits.low)].state;
        std::uint32_t const before = home.load(std::memory_order_acquire);
        slot_value const found = find_in(buckets, bits, is_use);
        // A value is right wherever it is found. If none is, a split may have moved the key: to
        // the new half, which it publishes in the directory, or to the key's own bucket. It does
        // so before it removes the entry from its old slot, so a reader that saw the removal (by
        // an acquire load of the bucket) also sees the change here.
        if (found.exists() ||
            (directory_.now() == root && pointer.load(std::memory_order_acquire) == buckets &&
             home.load(std::memory_order_relaxed) == before)) {
            return found;
        }
    }
}

MEMO_DEFINITION slot_value table::find_in(bucket* buckets, slot_key bits, bool is_use) const {
    bucket* here = &buckets[bucket::number_of(bits.low)];
    for (std::size_t probes = bucket::run_length; probes > 0; --probes) {
        slot_value value;
        std::size_t slot = 0;
        auto const result = here->probe(bits, value, slot);
        if (result == bucket::probe_result::hit) {
            if (is_use && directory_.evicts()) {
                here->mark_visited(slot);
            }
            return value;
        }
        if (result == bucket::probe_result::absent) {
            break;
        }
        here = &bucket::after(buckets, *here);
    }
    return {};
}

MEMO_DEFINITION slot_value table::put(key128 key, slot_value value) {
    slot_value old;
    put_if(key, value, {}, old);
    return old;
}

MEMO_DEFINITION bool table::put_if(key128 key, slot_value value, validity const& valid,
                                   slot_value& old) {
    slot_key const bits(key);
    auto const [home, lock] = lock_with_free_slot(bits.low);
    if (!valid()) {
        return false;
    }
    auto const found = home->locate(bits);
    old = found.exists() ? found.value() : slot_value{};
    if (found.exists()) {
        home->replace(found, value);
    } else {
        home->add(bits, value);
    }
    return true;
}

MEMO_DEFINITION bool table::exchange(key128 key, slot_value expected, slot_value desired,
                                     validity const& valid) {
    slot_key const bits(key);
    auto const [home, lock] = lock_with_free_slot(bits.low);
    if (!valid()) {
        return false;
    }
    auto const found = home->locate(bits);
    slot_value const now = found.exists() ? found.value() : slot_value{};
    bool const same = now.kind == expected.kind && now.word == expected.word;
    if (same && found.exists()) {
        home->replace(found, desired);
    } else if (same) {
        home->add(bits, desired);
    }
    return same;
}

MEMO_DEFINITION slot_value table::erase_if(key128 key, function_ref<bool(slot_value)> predicate) {
    slot_key const bits(key);
    auto const [home, lock] = lock_segment(bits.low);
    auto const found = home->locate(bits);
    if (!found.exists() || !predicate(found.value())) {
        return {};
    }
    slot_value const old = home->remove(found);
    home->compact_order();
    return old;
}

MEMO_DEFINITION slot_value table::evict(key128 key) noexcept {
    slot_value victim;
    for_each_segment(slot_key(key).low, [&](segment& each) {
        victim = each.evict();
        return !victim.exists();
    });
    return victim;
}

MEMO_DEFINITION std::uint64_t table::evictions() const {
    std::uint64_t sum = 0;
    if (directory_.evicts()) {
        for_each_segment(0, [&](segment& each) {
            sum += each.evictions();
            return true;
        });
    }
    return sum;
}

MEMO_DEFINITION void table::clear(function_ref<void(slot_value)> dispose) {
    std::array<slot_value, segment::slot_count> removed; // of one segment: allocates nothing
    for_each_segment(0, [&](segment& each) {
        std::size_t count = 0;
        each.for_each([&](segment::position entry) { removed[count++] = entry.value(); });
        each.clear();
        while (count > 0) {
            dispose(removed[--count]);
        }
        return true;
    });
}

MEMO_DEFINITION table::locked_segment table::lock_segment(std::uint64_t low) const {
    for (;;) {
        directory const root = directory_.now();
        segment* const home = root.segment_of(low).load(std::memory_order_acquire);
        std::unique_lock lock(home->mutex);
        if (home->owns(low)) { // no split has moved the key
            return {home, std::move(lock)};
        }
    }
}

/// The number of entries at which a segment is split. A hit outside the key's own bucket costs
/// as much as three hits in it, so small tables stay half empty.
[[nodiscard]] MEMO_DEFINITION std::size_t max_entries_of(segment const& filled) noexcept {
    return filled.depth() < 6 ? segment::slot_count / 2 : segment::slot_count * 7 / 10;
}

MEMO_DEFINITION table::locked_segment table::lock_with_free_slot(std::uint64_t low) {
    locked_segment here = lock_segment(low);
    while (here.home->entries() >= max_entries_of(*here.home) && split(here, low)) {
    }
    return here;
}

template <class Visit> void table::for_each_segment(std::uint64_t low, Visit visit) const {
    std::uint64_t visited_keys = 0;
    do {
        auto const [home, lock] = lock_segment(low);
        if (!visit(*home)) {
            return;
        }
        visited_keys += home->key_count();
        low = home->prefix() + home->key_count();
    } while (visited_keys != 0); // the 2^64 keys wrap to 0
}

MEMO_DEFINITION bool table::split(locked_segment& here, std::uint64_t low) {
    segment& old = *here.home;
    if (!old.can_split()) {
        if (old.entries() == segment::slot_count) {
            throw error(errc::backend,
                        "memo::memory: the keys are not hashes: too many share their first bits");
        }
        return false;
    }
    std::uint64_t const prefix = old.prefix() | old.next_bit();
    unsigned const depth = old.depth() + 1;
    auto lower_order = old.order_of_half(false);
    segment& upper = directory_.make_segment(prefix, depth, old.order_of_half(true));
    std::unique_lock upper_lock(upper.mutex);
    old.copy_upper_half_to(upper);
    directory_.publish(upper, prefix, depth);
    old.remove_upper_half(std::move(lower_order));
    if (upper.owns(low)) {
        here = {&upper, std::move(upper_lock)};
    }
    return true;
}

} // namespace memo::detail
