// SPDX-License-Identifier: BSL-1.0
#pragma once

// The hash table of one function's entries: maps the bits of a key to a word of value, without types.
//
// The first bits of a key choose its segment through a directory, other bits its bucket there. Lookups
// take no lock and need no guard: segments are not freed before the table is. Changes lock the segment.
// A segment that is too full is split: the table copies half of its entries to a new segment, leads
// readers there, and then removes these entries from the old one. So an insertion moves at most some
// hundred entries, and growth never needs a second table beside the first.

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

    /// Fast path of find(): looks a key up in its own bucket, where seven hits in eight are; see
    /// bucket::try_look. Inlined by force, so that key and value stay in registers.
    ///
    /// Words           whether blocks are not expected
    template <bool Words>
    [[nodiscard, gnu::always_inline]] inline bucket::sight try_find(unfinalized_key key,
                                                                    slot_value& value) const {
        slot_key const wanted(key);
        return try_find_in<Words>(home_of(wanted.low), wanted, value);
    }

    /// Goes on where try_find() says `further`; false if that is no hit either.
    template <bool Words>
    [[nodiscard]] bool try_find_further(unfinalized_key key, slot_value& value) const {
        slot_key const wanted(key);
        bucket* const buckets = buckets_of(wanted.low);
        bucket* here = &buckets[segment::number_of(wanted.low)];
        for (std::size_t left = segment::count - 1;
             left > 0 && here->passed.load(std::memory_order_relaxed) != 0; --left) {
            here = &segment::after(buckets, *here);
            if (try_find_in<Words>(*here, wanted, value) == bucket::sight::hit) {
                return true;
            }
        }
        return false;
    }

    /// Looks a key up; gives nothing if it is not here. While the caller uses a block, it is in a
    /// read section that began before.
    ///
    /// is_use          whether what is found counts as used, for eviction
    template <class Key> [[nodiscard]] slot_value find(Key key, bool is_use = true) const {
        slot_key const wanted(key);
        for (;;) {
            directory const root = directory_.now();
            auto const& place = root.buckets_of(wanted.low);
            bucket* const buckets = place.load(std::memory_order_acquire);
            slot_value const found = find_in(buckets, wanted, is_use);
            // What is found is right wherever it is. What is not may be where the key has gone.
            if (found.exists() ||
                (directory_.now() == root && place.load(std::memory_order_acquire) == buckets)) {
                return found;
            }
        }
    }

    /// Has the bucket fetched in which a lookup of this key begins.
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

    /// Stores a value if `valid()`; false if it is not.
    ///
    /// old             set to the value that it replaces
    /// Throws:         std::bad_alloc, and nothing is changed
    template <class Valid>
    bool put_if(key128 key, slot_value value, Valid const& valid, std::optional<slot_value>& old) {
        slot_key const wanted(key);
        auto const [home, lock] = lock_with_room(wanted.low);
        if (!valid()) {
            return false;
        }
        if (auto const found = home->locate(wanted); found.exists()) {
            old = found.value();
            home->replace(found, value);
        } else {
            home->add(wanted, value);
        }
        return true;
    }

    /// Stores `desired` if what is there is still `expected` and `valid()`; false if not.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    template <class Valid>
    bool exchange(key128 key, slot_value expected, slot_value desired, Valid const& valid) {
        slot_key const wanted(key);
        auto const [home, lock] = lock_with_room(wanted.low);
        if (!valid()) {
            return false;
        }
        auto const found = home->locate(wanted);
        slot_value const now = found.exists() ? found.value() : slot_value{};
        bool const same = now.is == expected.is && now.word == expected.word;
        if (same && found.exists()) {
            home->replace(found, desired);
        } else if (same) {
            home->add(wanted, desired);
        }
        return same;
    }

    /// Removes a key if agrees(its value); returns the value that it removed.
    template <class Agrees> std::optional<slot_value> erase_if(key128 key, Agrees agrees) {
        slot_key const wanted(key);
        auto const [home, lock] = lock_segment(wanted.low);
        auto const found = home->locate(wanted);
        if (!found.exists() || !agrees(found.value())) {
            return std::nullopt;
        }
        slot_value const old = home->remove(found);
        home->tidy();
        return old;
    }

    /// Evicts an entry of the first segment that has one; returns its value.
    ///
    /// draw            random bits, which choose the segment to begin with
    std::optional<slot_value> evict(std::uint64_t draw) noexcept {
        std::optional<slot_value> victim;
        from_each_segment(draw, [&](segment& each) {
            victim = each.evict();
            return !victim;
        });
        return victim;
    }

    /// How many entries evict() removed.
    ///
    /// Complexity:     one lock of each segment
    [[nodiscard]] std::uint64_t evictions() const {
        std::uint64_t sum = 0;
        if (!directory_.evicts()) {
            return sum;
        }
        from_each_segment(0, [&](segment& each) {
            sum += each.evictions();
            return true;
        });
        return sum;
    }

    /// Removes all entries; calls dispose(value) for each once no lookup can find it.
    template <class Dispose> void clear(Dispose dispose) {
        std::array<slot_value, segment::slot_count> removed; // of one segment: it needs no memory
        from_each_segment(0, [&](segment& each) {
            std::size_t count = 0;
            each.for_each([&](segment::place there) { removed[count++] = there.value(); });
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
    [[nodiscard, gnu::always_inline]] inline bucket::sight
    try_find_in(bucket& here, slot_key wanted, slot_value& value) const {
        std::size_t slot = 0;
        auto const seen = here.try_look<Words>(wanted, value, slot);
        if (seen == bucket::sight::hit && directory_.evicts()) {
            here.mark_visited(slot);
        }
        return seen;
    }

    [[nodiscard]] slot_value find_in(bucket* buckets, slot_key wanted, bool is_use) const {
        bucket* here = &buckets[segment::number_of(wanted.low)];
        for (std::size_t probes = segment::count; probes > 0; --probes) {
            slot_value value;
            std::size_t slot = 0;
            auto const sight = here->look(wanted, value, slot);
            if (sight == bucket::sight::hit) {
                if (is_use && directory_.evicts()) {
                    here->mark_visited(slot);
                }
                return value;
            }
            if (sight == bucket::sight::absent) {
                break;
            }
            here = &segment::after(buckets, *here);
        }
        return {};
    }

    // Changes.

    [[nodiscard]] locked_segment lock_segment(std::uint64_t low) const {
        for (;;) {
            directory const root = directory_.now();
            segment* const home = root.segment_of(low).load(std::memory_order_acquire);
            std::unique_lock lock(home->mutex);
            if (home->owns(low)) { // it was not split meanwhile
                return {home, std::move(lock)};
            }
        }
    }

    /// The same, with a free slot in it.
    [[nodiscard]] locked_segment lock_with_room(std::uint64_t low) {
        locked_segment here = lock_segment(low);
        while (here.home->entries() >= max_entries(here.home->depth()) && split(here, low)) {
        }
        return here;
    }

    /// Calls visit(segment&) for all segments from that of `low` on, each locked, until it returns false.
    template <class Visit> void from_each_segment(std::uint64_t low, Visit visit) const {
        std::uint64_t visited = 0;
        do {
            auto const [home, lock] = lock_segment(low);
            if (!visit(*home)) {
                return;
            }
            visited += home->span();
            low = home->prefix() + home->span();
        } while (visited != 0); // 2^64 keys
    }

    // Growth.

    /// The entries at which a segment is split. A hit outside its own bucket costs as much as three in it; a
    /// small table stays half empty.
    [[nodiscard]] static std::size_t max_entries(unsigned depth) noexcept {
        return depth < 6 ? segment::slot_count / 2 : segment::slot_count * 7 / 10;
    }

    /// Splits a segment, and keeps the lock of the half that `low` belongs to. False if one bit more does
    /// not tell its keys apart: then they are no hashes, and it fills all of its slots.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    bool split(locked_segment& here, std::uint64_t low) {
        segment& old = *here.home;
        if (!old.can_split()) {
            if (old.entries() == segment::slot_count) {
                throw error(errc::backend, "the keys are no hashes: too many begin alike");
            }
            return false;
        }
        std::uint64_t const prefix = old.prefix() | old.next_bit();
        unsigned const depth = old.depth() + 1;
        auto rest = old.order_of_half(false);
        segment& fresh = directory_.make_segment(prefix, depth, old.order_of_half(true));
        std::unique_lock fresh_lock(fresh.mutex);
        old.copy_half_to(fresh);
        directory_.lead_to(fresh, prefix, depth);
        old.remove_half(std::move(rest));
        if (fresh.owns(low)) {
            here = {&fresh, std::move(fresh_lock)};
        }
        return true;
    }

    segment_directory directory_;
};

} // namespace memo::detail
