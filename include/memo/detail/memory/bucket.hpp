// SPDX-License-Identifier: BSL-1.0
#pragma once

// One cache line of the table: three entries and what a reader must know to trust them.
//
// An entry is 79 bits of its key, a word of value and a byte of cost: at 10^7 entries of a function
// the chance that two are taken for one another is 8e-11 (docs/decisions/0036-segments.md).
//
// Readers take no lock and write nothing but a visited bit that is not set yet. A writer holds the
// segment's lock, marks the state as written to, changes the line, and counts the change; a reader
// that saw the mark or another count looks again. Every field is atomic, data are read with acquire
// and written with release, so that no fence is needed (Boehm 2012, MSPC, "Can seqlocks get along
// with programming language memory models?", section 4).
//
// A table that is cleared gives its pages back, and they are zeros again. So a state of 0 is no count
// that a hit may see before and after: an entry may have come and gone between.

#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sched.h>

namespace memo::detail {

// The type of all that readers and writers of a table share: std::atomic, or what the check of all
// interleavings (tests/model) puts in its place.
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

/// What the word of a slot holds. Numbered so that a hit computes it from the state's bit by a shift.
enum class content : std::uint8_t { nothing = 0, block = 1, record = 3 };

/// The value of a slot. Fits two registers, so that a call returns it in them.
struct slot_value {
    std::uint64_t word = 0; ///< the record itself, or the address of its block
    content is = content::nothing;
    std::uint8_t cost = 0; ///< see cost.hpp

    [[nodiscard]] bool exists() const noexcept { return is != content::nothing; }
    [[nodiscard]] bool is_block() const noexcept { return is == content::block; }
};

struct alignas(64) bucket {
    static constexpr std::size_t slot_count = 3;
    static constexpr std::size_t no_slot = slot_count;

    std::array<shared<std::uint64_t>, slot_count> low{};
    std::array<shared<std::uint64_t>, slot_count> word{};
    shared<std::uint32_t> state{0}; ///< bit 0: no writer is here; 1, 2, 3: which slots hold no
                                    ///< addresses of blocks; above: a count of changes. 0: no entry
                                    ///< was ever here
    std::array<shared<std::uint16_t>, slot_count> high{};
    std::array<shared<std::uint8_t>, slot_count> cost{};
    shared<std::uint8_t> visited{0}; ///< bit i: slot i was hit since eviction last looked
    shared<std::uint16_t> passed{0}; ///< entries that went past this full line

    // For readers.

    enum class sight { hit, absent, further };

    /// Fast path of look(). A hit is one; `absent` may be wrong while a writer is at the line or its
    /// segment is split; `further` also says that it cannot tell.
    ///
    /// Words           whether the caller expects words alone: then it cannot tell of a line with a
    ///                 block in it, which saves six instructions
    template <bool Words>
    [[nodiscard, gnu::always_inline]] inline sight try_look(slot_key key, slot_value& value,
                                                            std::size_t& slot) const {
        std::uint32_t const before = state.load(std::memory_order_acquire);
        // No branch and no loop: that a key is here can be predicted, in which slot it is cannot.
        static_assert(slot_count == 3);
        bool const not_first = low[0].load(std::memory_order_acquire) != key.low;
        bool const third = low[2].load(std::memory_order_acquire) == key.low;
        slot = static_cast<std::size_t>(not_first) + static_cast<std::size_t>(third);
        if (low[slot].load(std::memory_order_acquire) != key.low ||
            high[slot].load(std::memory_order_acquire) != key.high) [[unlikely]] {
            return passed.load(std::memory_order_relaxed) == 0 ? sight::absent : sight::further;
        }
        value = read(slot, Words ? content::record : content_of(slot, before));
        if (state.load(std::memory_order_relaxed) != (before | (Words ? still | words : still)))
            [[unlikely]] {
            return sight::further;
        }
        return sight::hit;
    }

    /// Looks for a key. `further`: not here, but an entry has gone past this line.
    [[nodiscard]] sight look(slot_key key, slot_value& value, std::size_t& slot) const {
        for (unsigned round = 0;; ++round) {
            std::uint32_t const before = state.load(std::memory_order_acquire);
            if (before == 0) {
                return sight::absent;
            }
            slot = find(key);
            sight seen = sight::absent;
            if (slot != no_slot) {
                value = read(slot, content_of(slot, before));
                seen = sight::hit;
            } else if (passed.load(std::memory_order_acquire) != 0) {
                seen = sight::further;
            }
            if (state.load(std::memory_order_relaxed) == (before | still)) {
                return seen;
            }
            if (round > 64) { // the writer was put to sleep in the middle of its line
                ::sched_yield();
            }
        }
    }

    void mark_visited(std::size_t slot) {
        auto const seen = visited.load(std::memory_order_relaxed);
        if (auto const bit = bit_of(slot); (seen & bit) == 0) {
            // Losing a neighbour's bit costs it a second chance.
            visited.store(seen | bit, std::memory_order_relaxed);
        }
    }

    // For whoever holds the segment's lock.

    [[nodiscard]] std::size_t find(slot_key key) const {
        for (std::size_t slot = 0; slot < slot_count; ++slot) {
            if (low[slot].load(std::memory_order_acquire) == key.low &&
                high[slot].load(std::memory_order_acquire) == key.high) {
                return slot;
            }
        }
        return no_slot;
    }

    [[nodiscard]] std::size_t find_low(std::uint64_t wanted) const {
        std::size_t slot = 0;
        while (slot < slot_count && low[slot].load(std::memory_order_acquire) != wanted) {
            ++slot;
        }
        return slot;
    }

    [[nodiscard]] std::size_t free_slot() const { return find_low(0); }

    [[nodiscard]] slot_value read(std::size_t slot) const {
        return read(slot, content_of(slot, state.load(std::memory_order_relaxed)));
    }

    /// first           what the count begins with of a bucket that was never written to
    void write(std::size_t slot, std::uint64_t key_low, std::uint16_t key_high, slot_value value,
               std::uint32_t first) {
        auto before = state.load(std::memory_order_relaxed);
        before = before != 0 ? before : first | still | words;
        state.store(before & ~still, std::memory_order_relaxed);
        low[slot].store(key_low, std::memory_order_release);
        high[slot].store(key_high, std::memory_order_release);
        word[slot].store(value.word, std::memory_order_release);
        cost[slot].store(value.cost, std::memory_order_release);
        auto const others = (before + change) & ~word_in(slot);
        state.store(value.is_block() ? others : others | word_in(slot), std::memory_order_release);
    }

    /// Takes all entries out.
    void empty() {
        auto const before = state.load(std::memory_order_relaxed);
        if (before == 0) {
            return;
        }
        state.store(before & ~still, std::memory_order_relaxed);
        for (auto& each : low) {
            each.store(0, std::memory_order_release);
        }
        passed.store(0, std::memory_order_release);
        visited.store(0, std::memory_order_relaxed);
        state.store((before + change) | words, std::memory_order_release);
    }

    void pass() {
        passed.store(static_cast<std::uint16_t>(count_of_passed() + 1), std::memory_order_release);
    }
    void unpass() {
        passed.store(static_cast<std::uint16_t>(count_of_passed() - 1), std::memory_order_release);
    }

    [[nodiscard]] bool was_visited(std::size_t slot) const {
        return (visited.load(std::memory_order_relaxed) & bit_of(slot)) != 0;
    }

    void clear_visited(std::size_t slot) {
        visited.store(
            static_cast<std::uint8_t>(visited.load(std::memory_order_relaxed) & ~bit_of(slot)),
            std::memory_order_relaxed);
    }

    [[nodiscard]] static constexpr std::uint8_t bit_of(std::size_t slot) noexcept {
        return static_cast<std::uint8_t>(1U << slot);
    }

  private:
    [[nodiscard]] std::uint16_t count_of_passed() const {
        return passed.load(std::memory_order_relaxed);
    }

    static constexpr std::uint32_t still = 1;
    static constexpr std::uint32_t words = 2 + 4 + 8;
    static constexpr std::uint32_t change = 16;

    [[nodiscard]] static constexpr std::uint32_t word_in(std::size_t slot) noexcept {
        return std::uint32_t{2} << slot;
    }

    /// What a slot holds by a state that was read before.
    [[nodiscard, gnu::always_inline]] static inline content content_of(std::size_t slot,
                                                                       std::uint32_t by) noexcept {
        return static_cast<content>(((by >> slot) & 2) | 1);
    }

    [[nodiscard, gnu::always_inline]] inline slot_value read(std::size_t slot, content is) const {
        return {word[slot].load(std::memory_order_acquire), is,
                cost[slot].load(std::memory_order_acquire)};
    }
};

static_assert(sizeof(bucket) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

} // namespace memo::detail
