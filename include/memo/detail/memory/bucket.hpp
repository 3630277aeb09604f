// SPDX-License-Identifier: BSL-1.0
#pragma once

// A bucket: one cache line with three entries and the seqlock that protects them. Buckets lie in runs
// with linear probing, one run per segment of a table.
//
// An entry is 79 bits of its key, a word of value and a byte of cost: at 10^7 entries of a function
// the chance that two keys are confused is 8e-11 (docs/decisions/0036-segments.md).
//
// Readers take no lock and write only visited bits. A writer holds the segment's lock, clears the
// `stable` bit of the state, changes the line, sets the bit and increments the version. A reader
// loads the state before and after the entry and retries unless both are equal and stable. No fence
// is needed (Boehm 2012, MSPC, "Can seqlocks get along with programming language memory models?",
// section 4):
// - The writer's release store of the new state pairs with the reader's first acquire load of it:
//   the reader sees every change that this version includes.
// - The writer's release stores of keys, values and costs pair with the reader's acquire loads: a
//   reader that sees one of these changes also sees the cleared `stable` bit, or a later state, in
//   its second load. The acquire loads also keep that second load behind them, so it is relaxed.
//
// Clearing a table may return its pages to the system; they read as zeros afterwards. Equal states
// of 0 therefore do not prove that the bucket was unchanged between the two loads.

#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

// The type of all words that readers and writers of a table share: std::atomic, or the recorder of
// the model checker (tests/model).
#if defined(MEMO_TABLE_ATOMIC)
template <class T> using shared = MEMO_TABLE_ATOMIC<T>;
#else
template <class T> using shared = std::atomic<T>;
#endif

/// The part of a key that a slot stores.
struct slot_key {
    std::uint64_t low; ///< odd: 0 marks a free slot
    std::uint16_t high;

    explicit slot_key(unfinalized_key key) noexcept : low(key.low() | 1), high(key.tag()) {}
    explicit slot_key(key128 key) noexcept : slot_key(unfinalized_key(key)) {}
};

/// The content of a slot's word. Numbered so that a hit computes it from the state's bit by a
/// shift.
enum class content : std::uint8_t { nothing = 0, block = 1, record = 3 };

/// The value of a slot. A function returns it in two registers.
struct slot_value {
    std::uint64_t word = 0; ///< the record itself, or the address of its block
    content kind = content::nothing;
    std::uint8_t cost = 0; ///< see cost.hpp

    [[nodiscard]] bool exists() const noexcept { return kind != content::nothing; }
    [[nodiscard]] bool is_block() const noexcept { return kind == content::block; }
};

struct alignas(64) bucket {
    static constexpr std::size_t slot_count = 3;
    static constexpr std::size_t no_slot = slot_count;

    /// The buckets of a run. Few enough that a split takes some microseconds, and enough that the
    /// directory of 10^7 entries stays in the second-level cache.
    static constexpr std::size_t run_length = 256;

    /// The index of a key's own bucket in its run.
    [[nodiscard]] static std::size_t number_of(std::uint64_t key_low) noexcept {
        return (key_low >> 6) &
               (run_length - 1); // bits from 6 on: the compiler drops the multiplication by 64
    }

    /// The next bucket of the run, which wraps.
    [[nodiscard]] static bucket& after(bucket* run, bucket const& b) noexcept {
        return run[static_cast<std::size_t>(&b - run + 1) & (run_length - 1)];
    }

    std::array<shared<std::uint64_t>, slot_count> low{};
    std::array<shared<std::uint64_t>, slot_count> word{};
    shared<std::uint32_t> state{0}; ///< bit 0: stable; bits 1, 2, 3: the slot holds no address of a
                                    ///< block; above: the version. 0: never written
    std::array<shared<std::uint16_t>, slot_count> high{};
    std::array<shared<std::uint8_t>, slot_count> cost{};
    shared<std::uint8_t> visited{0};   ///< bit i: slot i was hit since eviction last checked it
    shared<std::uint16_t> overflow{0}; ///< entries that did not fit here and lie in later buckets

    // For readers.

    enum class probe_result { hit, absent, next_bucket };

    /// Fast path of probe(). A hit is always right. `absent` may be wrong while a writer changes
    /// the bucket or splits its segment. `next_bucket` also means that the probe was inconclusive.
    ///
    /// Words           whether the caller expects no blocks: a bucket that holds one is then
    ///                 inconclusive, which saves six instructions
    template <bool Words>
    [[nodiscard, gnu::always_inline]] inline probe_result try_probe(slot_key key, slot_value& value,
                                                                    std::size_t& slot) const {
        std::uint32_t const before = state.load(std::memory_order_acquire);
        // Neither branch nor loop: the processor predicts a hit, but not the slot of a key.
        static_assert(slot_count == 3);
        bool const not_first = low[0].load(std::memory_order_acquire) != key.low;
        bool const third = low[2].load(std::memory_order_acquire) == key.low;
        slot = static_cast<std::size_t>(not_first) + static_cast<std::size_t>(third);
        if (low[slot].load(std::memory_order_acquire) != key.low ||
            high[slot].load(std::memory_order_acquire) != key.high) [[unlikely]] {
            return overflow.load(std::memory_order_relaxed) == 0 ? probe_result::absent
                                                                 : probe_result::next_bucket;
        }
        value = read(slot, Words ? content::record : content_of(slot, before));
        if (state.load(std::memory_order_relaxed) !=
            (before | (Words ? stable | all_words : stable))) [[unlikely]] {
            return probe_result::next_bucket;
        }
        return probe_result::hit;
    }

    /// Searches for a key. `next_bucket`: it is not here, but entries have overflowed from here.
    [[nodiscard]] probe_result probe(slot_key key, slot_value& value, std::size_t& slot) const;

    void mark_visited(std::size_t slot) {
        auto const bits = visited.load(std::memory_order_relaxed);
        if (auto const bit = bit_of(slot); (bits & bit) == 0) {
            // May overwrite a bit that another reader sets now: that entry loses a second chance.
            visited.store(bits | bit, std::memory_order_relaxed);
        }
    }

    // For the owner of the segment's lock.

    [[nodiscard]] std::size_t find(slot_key key) const;
    [[nodiscard]] std::size_t find_low(std::uint64_t key_low) const;
    [[nodiscard]] std::size_t free_slot() const { return find_low(0); }
    [[nodiscard]] slot_value read(std::size_t slot) const;

    /// first_version   of a bucket that was never written, at its place in the state
    void write(std::size_t slot, std::uint64_t key_low, std::uint16_t key_high, slot_value value,
               std::uint32_t first_version);

    /// Removes all entries.
    void clear();

    // Incremented before an entry is stored in a later bucket, decremented after its removal.
    void increment_overflow() { set_overflow(overflow.load(std::memory_order_relaxed) + 1); }
    void decrement_overflow() { set_overflow(overflow.load(std::memory_order_relaxed) - 1); }

    [[nodiscard]] bool was_visited(std::size_t slot) const;
    void clear_visited(std::size_t slot);

    [[nodiscard]] static constexpr std::uint8_t bit_of(std::size_t slot) noexcept {
        return static_cast<std::uint8_t>(1U << slot);
    }

  private:
    static constexpr std::uint32_t stable = 1;
    static constexpr std::uint32_t all_words = 2 + 4 + 8;
    static constexpr std::uint32_t one_version = 16;

    void set_overflow(int count);

    [[nodiscard]] static constexpr std::uint32_t word_in(std::size_t slot) noexcept {
        return std::uint32_t{2} << slot;
    }

    /// The content of an occupied slot, by a state that was loaded before.
    [[nodiscard, gnu::always_inline]] static inline content
    content_of(std::size_t slot, std::uint32_t from) noexcept {
        return static_cast<content>(((from >> slot) & 2) | 1);
    }

    [[nodiscard, gnu::always_inline]] inline slot_value read(std::size_t slot, content kind) const {
        return {word[slot].load(std::memory_order_acquire), kind,
                cost[slot].load(std::memory_order_acquire)};
    }
};

static_assert(sizeof(bucket) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "bucket.ipp"
#endif
