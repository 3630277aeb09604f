// SPDX-License-Identifier: BSL-1.0
#pragma once

// The hash table of one function's entries: maps the bits of a key to a word of value, without
// types.
//
// The first bits of a key select its segment through a directory, other bits its bucket there.
// Lookups take no lock and need no guard: segments live as long as the table. Writers lock the
// segment. A segment that is too full is split: the table copies half of its entries to a new
// segment, publishes that in the directory, and then removes these entries from the old one. So an
// insertion moves at most some hundred entries, and growth never needs a second table.

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/memory/segment_directory.hpp>
#include <memo/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace memo::detail {

class table {
  public:
    /// evicts          whether entries may be evicted
    explicit table(bool evicts = false) : directory_(evicts) {}
    table(table const&) = delete;
    table& operator=(table const&) = delete;
    ~table() = default;

    /// Fast path of find(): probes the key's own bucket, which serves seven hits in eight; see
    /// bucket::try_probe. Inlined by force, so that key and value stay in registers.
    ///
    /// Words           whether the caller expects no blocks
    template <bool Words>
    [[nodiscard, gnu::always_inline]] inline bucket::probe_result
    try_find(unfinalized_key key, slot_value& value) const {
        slot_key const bits(key);
        return try_find_in<Words>(home_of(bits.low), bits, value);
    }

    /// Continues after try_find() returned `next_bucket`; false if this is no hit either.
    template <bool Words>
    [[nodiscard]] bool try_find_further(unfinalized_key key, slot_value& value) const {
        slot_key const bits(key);
        bucket* const buckets = buckets_of(bits.low);
        bucket* here = &buckets[segment::number_of(bits.low)];
        for (std::size_t remaining = segment::count - 1;
             remaining > 0 && here->overflow.load(std::memory_order_relaxed) != 0; --remaining) {
            here = &segment::after(buckets, *here);
            if (try_find_in<Words>(*here, bits, value) == bucket::probe_result::hit) {
                return true;
            }
        }
        return false;
    }

    /// Looks a key up; returns an empty value if it is absent. A caller that reads blocks holds a
    /// read section that began before the call.
    ///
    /// is_use          whether eviction counts the lookup as a use
    template <class Key> [[nodiscard]] slot_value find(Key key, bool is_use = true) const {
        slot_key const bits(key);
        for (;;) {
            directory const root = directory_.now();
            auto const& pointer = root.buckets_of(bits.low);
            bucket* const buckets = pointer.load(std::memory_order_acquire);
            slot_value const found = find_in(buckets, bits, is_use);
            // A value is right wherever it is found. If none is, a split may have moved the key. It
            // changes the directory before it removes the entry from the old half, so a reader that
            // saw the removal (by an acquire load of the bucket) also sees the change here.
            if (found.exists() ||
                (directory_.now() == root && pointer.load(std::memory_order_acquire) == buckets)) {
                return found;
            }
        }
    }

    /// Prefetches the bucket in which a lookup of this key begins.
    void prefetch(key128 key) const { __builtin_prefetch(&home_of(slot_key(key).low)); }

    /// Stores a value; returns the old one.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    std::optional<slot_value> put(key128 key, slot_value value) {
        std::optional<slot_value> old;
        put_if(
            key, value, [] { return true; }, old);
        return old;
    }

    /// Stores a value if `valid()`; else returns false.
    ///
    /// old             set to the value that it replaces
    /// Throws:         std::bad_alloc, and nothing is changed
    template <class Valid>
    bool put_if(key128 key, slot_value value, Valid const& valid, std::optional<slot_value>& old) {
        slot_key const bits(key);
        auto const [home, lock] = lock_with_free_slot(bits.low);
        if (!valid()) {
            return false;
        }
        if (auto const found = home->locate(bits); found.exists()) {
            old = found.value();
            home->replace(found, value);
        } else {
            home->add(bits, value);
        }
        return true;
    }

    /// Stores `desired` if the current value is still `expected` and `valid()`; else returns false.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    template <class Valid>
    bool exchange(key128 key, slot_value expected, slot_value desired, Valid const& valid) {
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

    /// Removes a key if `predicate(value)`; returns the removed value.
    template <class Predicate> std::optional<slot_value> erase_if(key128 key, Predicate predicate) {
        slot_key const bits(key);
        auto const [home, lock] = lock_segment(bits.low);
        auto const found = home->locate(bits);
        if (!found.exists() || !predicate(found.value())) {
            return std::nullopt;
        }
        slot_value const old = home->remove(found);
        home->compact_order();
        return old;
    }

    /// Evicts an entry of the first segment that has one; returns its value.
    ///
    /// random          bits that choose the first segment
    std::optional<slot_value> evict(std::uint64_t random) noexcept {
        std::optional<slot_value> victim;
        for_each_segment(random, [&](segment& each) {
            victim = each.evict();
            return !victim;
        });
        return victim;
    }

    /// The number of entries that evict() removed.
    ///
    /// Complexity:     one lock of each segment
    [[nodiscard]] std::uint64_t evictions() const {
        std::uint64_t sum = 0;
        if (!directory_.evicts()) {
            return sum;
        }
        for_each_segment(0, [&](segment& each) {
            sum += each.evictions();
            return true;
        });
        return sum;
    }

    /// Removes all entries; calls dispose(value) for each once no lookup can find it.
    template <class Dispose> void clear(Dispose dispose) {
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

  private:
    struct locked_segment {
        segment* home;
        std::unique_lock<mutex> lock;
    };

    [[nodiscard, gnu::always_inline]] inline bucket* buckets_of(std::uint64_t low) const {
        return directory_.now().buckets_of(low).load(std::memory_order_acquire);
    }

    [[nodiscard, gnu::always_inline]] inline bucket& home_of(std::uint64_t low) const {
        return buckets_of(low)[segment::number_of(low)];
    }

    template <bool Words>
    [[nodiscard, gnu::always_inline]] inline bucket::probe_result
    try_find_in(bucket& here, slot_key bits, slot_value& value) const {
        std::size_t slot = 0;
        auto const result = here.try_probe<Words>(bits, value, slot);
        if (result == bucket::probe_result::hit && directory_.evicts()) {
            here.mark_visited(slot);
        }
        return result;
    }

    [[nodiscard]] slot_value find_in(bucket* buckets, slot_key bits, bool is_use) const {
        bucket* here = &buckets[segment::number_of(bits.low)];
        for (std::size_t probes = segment::count; probes > 0; --probes) {
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
            here = &segment::after(buckets, *here);
        }
        return {};
    }

    [[nodiscard]] locked_segment lock_segment(std::uint64_t low) const {
        for (;;) {
            directory const root = directory_.now();
            segment* const home = root.segment_of(low).load(std::memory_order_acquire);
            std::unique_lock lock(home->mutex);
            if (home->owns(low)) { // no split has moved the key
                return {home, std::move(lock)};
            }
        }
    }

    /// Like lock_segment(), and splits until the segment has a free slot.
    [[nodiscard]] locked_segment lock_with_free_slot(std::uint64_t low) {
        locked_segment here = lock_segment(low);
        while (here.home->entries() >= max_entries(here.home->depth()) && split(here, low)) {
        }
        return here;
    }

    /// Calls visit(segment&) for all segments, each locked, until it returns false. Begins with the
    /// segment of `low`.
    template <class Visit> void for_each_segment(std::uint64_t low, Visit visit) const {
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

    /// The number of entries at which a segment is split. A hit outside the key's own bucket costs
    /// as much as three hits in it, so small tables stay half empty.
    [[nodiscard]] static std::size_t max_entries(unsigned depth) noexcept {
        return depth < 6 ? segment::slot_count / 2 : segment::slot_count * 7 / 10;
    }

    /// Splits a segment and locks the half of `low`. Returns false if the next bit does not divide
    /// the keys evenly: then they are not hashes, and the segment fills all of its slots.
    ///
    /// Throws:         std::bad_alloc; memo::error (backend) if no slot is free; nothing is changed
    bool split(locked_segment& here, std::uint64_t low) {
        segment& old = *here.home;
        if (!old.can_split()) {
            if (old.entries() == segment::slot_count) {
                throw error(
                    errc::backend,
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

    segment_directory directory_;
};

} // namespace memo::detail
