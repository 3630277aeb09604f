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

#include <memo/backend.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/segment_directory.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

class table {
  public:
    /// evicts          whether entries may be evicted
    explicit table(bool evicts = false) : directory_(evicts) {}

    /// Fast path of find(): probes the key's own bucket, which serves 90 to 99 hits in 100; see
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
    [[nodiscard]] bool try_find_further(unfinalized_key key, slot_value& value) const;

    /// Looks a key up; returns an empty value if it is absent. A caller that reads blocks holds a
    /// read section that began before the call.
    ///
    /// is_use          whether eviction counts the lookup as a use
    [[nodiscard]] slot_value find(unfinalized_key key, bool is_use = true) const;
    [[nodiscard]] slot_value find(key128 key, bool is_use = true) const {
        return find(unfinalized_key(key), is_use);
    }

    /// Prefetches the bucket in which a lookup of this key begins.
    void prefetch(unfinalized_key key) const { __builtin_prefetch(&home_of(slot_key(key).low)); }

    /// Stores a value; returns the old one, or an empty one.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    slot_value put(key128 key, slot_value value);

    /// Stores a value if it is still valid; else returns false.
    ///
    /// old             set to the value that it replaces, or to an empty one
    /// Throws:         std::bad_alloc, and nothing is changed
    bool put_if(key128 key, slot_value value, validity const& valid, slot_value& old);

    /// Stores `desired` if the current value is still `expected`, and `desired` still valid; else
    /// returns false.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    bool exchange(key128 key, slot_value expected, slot_value desired, validity const& valid);

    /// Removes a key if `predicate(value)`; returns the removed value, or an empty one.
    slot_value erase_if(key128 key, function_ref<bool(slot_value)> predicate);

    /// Evicts an entry of the key's segment, or of the next one that has entries; returns its value, or
    /// an empty one. A full table whose insertions evict by their own keys never splits a segment.
    slot_value evict(key128 key) noexcept;

    /// The number of entries that evict() removed.
    ///
    /// Complexity:     one lock of each segment
    [[nodiscard]] std::uint64_t evictions() const;

    /// Removes all entries; calls dispose(value) for each once no lookup can find it.
    void clear(function_ref<void(slot_value)> dispose);

  private:
    struct locked_segment;

    [[nodiscard, gnu::always_inline]] inline bucket* buckets_of(std::uint64_t low) const {
        return directory_.now().buckets_of(low).load(std::memory_order_acquire);
    }

    [[nodiscard, gnu::always_inline]] inline bucket& home_of(std::uint64_t low) const {
        return buckets_of(low)[bucket::number_of(low)];
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

    [[nodiscard]] slot_value find_in(bucket* buckets, slot_key bits, bool is_use) const;
    [[nodiscard]] locked_segment lock_segment(std::uint64_t low) const;

    /// Like lock_segment(), and splits until the segment has a free slot.
    [[nodiscard]] locked_segment lock_with_free_slot(std::uint64_t low);

    /// Calls visit(segment&) for all segments, each locked, until it returns false. Begins with the
    /// segment of `low`.
    template <class Visit> void for_each_segment(std::uint64_t low, Visit visit) const;

    /// Splits a segment and locks the half of `low`. Returns false if the next bit does not divide
    /// the keys evenly: then they are not hashes, and the segment fills all of its slots.
    ///
    /// Throws:         std::bad_alloc; memo::error (backend) if no slot is free; nothing is changed
    bool split(locked_segment& here, std::uint64_t low);

    segment_directory directory_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "table.ipp"
#endif
