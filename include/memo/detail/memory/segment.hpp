// SPDX-License-Identifier: BSL-1.0
#pragma once

// A segment: the unit by which the table grows, one run of buckets. All keys of a segment begin with
// the same bits; other bits choose the bucket.

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/bucket_memory.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/system/fork.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace memo::detail {

/// The writers' view of a run of buckets; readers use only the buckets.
///
/// Thread safety:  none; callers hold the mutex
class alignas(64) segment {
  public:
    static constexpr std::size_t count = bucket::run_length;
    static constexpr std::size_t slot_count = count * bucket::slot_count;
    using memory = bucket_memory<count>;

    /// The position of an entry.
    struct position {
        bucket* at = nullptr;
        std::size_t slot = bucket::no_slot;
        [[nodiscard]] bool exists() const noexcept { return at != nullptr; }
        [[nodiscard]] slot_value value() const { return at->read(slot); }
        [[nodiscard]] std::uint64_t low() const {
            return at->low[slot].load(std::memory_order_relaxed);
        }
        [[nodiscard]] std::uint16_t high() const {
            return at->high[slot].load(std::memory_order_relaxed);
        }
    };

    detail::mutex mutex;

    /// runs            allocates the buckets
    /// prefix          the first `depth` bits of all its keys, and zeros
    /// order           the order of eviction; null without eviction
    segment(memory& runs, std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order)
        : buckets_(runs.allocate()), prefix_(prefix), depth_(depth), order_(std::move(order)) {}

    [[nodiscard]] bucket* buckets() const noexcept { return buckets_; }
    [[nodiscard]] std::uint64_t prefix() const noexcept { return prefix_; }
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }
    [[nodiscard]] std::size_t entries() const noexcept { return entries_; }
    [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

    /// Whether a key belongs here.
    [[nodiscard]] bool owns(std::uint64_t low) const noexcept {
        return ((low ^ prefix_) >> 1) >> (63 - depth_) == 0;
    }

    [[nodiscard]] position locate(slot_key key) const {
        return probe(key.low, [&](bucket const& b) { return b.find(key); });
    }

    /// Adds a key. Preconditions: the key is absent, and a slot is free.
    void add(slot_key key, slot_value value) {
        if (order_) {
            order_->insert(key.low); // first: it may throw
        }
        insert(key.low, key.high, value, false);
    }

    void replace(position entry, slot_value value) {
        entry.at->write(entry.slot, entry.low(), entry.high(), value, first_version());
    }

    /// Removes an entry; returns its value.
    slot_value remove(position entry) {
        slot_value const old = entry.value();
        vacate(entry);
        --entries_;
        return old;
    }

    /// Evicts an entry and returns its value; an empty one without eviction or entries.
    slot_value evict() noexcept {
        if (!order_) {
            return {};
        }
        std::uint64_t const low =
            order_->victim([&](std::uint64_t key) { return test_and_clear_visited(key); });
        if (low == 0) {
            return {};
        }
        ++evictions_;
        return remove(locate_low(low));
    }

    /// Removes stale keys from the order of eviction once they outnumber the entries.
    void compact_order() noexcept {
        if (order_) {
            order_->compact(entries_, [&](std::uint64_t low) { return locate_low(low).exists(); });
        }
    }

    /// Removes all entries, and returns the pages to the system if it accepts them.
    void clear() {
        if (!memory::release_pages(buckets_)) {
            for (std::size_t i = 0; i < count; ++i) {
                buckets_[i].clear();
            }
        }
        ++generation_;
        entries_ = 0;
        if (order_) {
            order_->clear();
        }
    }

    // Splitting.

    /// The first bit after the prefix.
    [[nodiscard]] std::uint64_t next_bit() const noexcept {
        return std::uint64_t{1} << (63 - depth_);
    }

    /// The number of keys that begin with the prefix; 0 for 2^64.
    [[nodiscard]] std::uint64_t key_count() const noexcept { return next_bit() << 1; }

    /// Whether each half would get more than a quarter of the entries, as it does if keys are
    /// hashes.
    [[nodiscard]] bool can_split() const {
        std::size_t ones = 0;
        for_each([&](position entry) { ones += static_cast<std::size_t>(in_upper_half(entry)); });
        return ones > entries_ / 4 && entries_ - ones > entries_ / 4;
    }

    /// The order of eviction of one half: of the keys whose next bit is set, or of the others.
    [[nodiscard]] std::unique_ptr<s3_fifo> order_of_half(bool upper) const {
        if (!order_) {
            return nullptr;
        }
        return std::make_unique<s3_fifo>(order_->copy_if(
            [upper, bit = next_bit()](std::uint64_t low) { return ((low & bit) != 0) == upper; }));
    }

    /// Copies the entries whose next bit is set to an empty segment.
    void copy_upper_half_to(segment& upper) noexcept {
        for_each([&](position entry) {
            if (in_upper_half(entry)) {
                upper.insert(entry.low(), entry.high(), entry.value(),
                             entry.at->was_visited(entry.slot));
            }
        });
    }

    /// Removes the entries whose next bit is set, and extends the prefix by a 0. Moves overflowed
    /// entries to the slots that become free in their own buckets.
    ///
    /// order           order_of_half(false)
    void remove_upper_half(std::unique_ptr<s3_fifo> order) noexcept {
        order_ = std::move(order);
        for_each([&](position entry) {
            if (in_upper_half(entry)) {
                remove(entry);
            } else {
                move_home(entry);
            }
        });
        ++depth_;
    }

    /// Visits every entry.
    template <class Visit> void for_each(Visit visit) const {
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t slot = 0; slot < bucket::slot_count; ++slot) {
                if (position const entry{buckets_ + i, slot}; entry.low() != 0) {
                    visit(entry);
                }
            }
        }
    }

  private:
    [[nodiscard]] bucket& home_of(std::uint64_t low) const noexcept {
        return buckets_[bucket::number_of(low)];
    }

    [[nodiscard]] bool in_upper_half(position entry) const noexcept {
        return (entry.low() & next_bit()) != 0;
    }

    /// The first version of a bucket whose page was returned. A reader that still compares an older
    /// state must not find it again: the version differs from those of the last 255 generations,
    /// unless one of them changed the bucket 2^20 times.
    [[nodiscard]] std::uint32_t first_version() const noexcept { return generation_ << 24; }

    /// Stores a key in its own bucket, and relocates an overflowed entry of another bucket for it
    /// if necessary: most hits must lie in the first bucket that a lookup probes.
    void insert(std::uint64_t low, std::uint16_t high, slot_value value, bool visited) {
        bucket& home = home_of(low);
        position target{&home, home.free_slot()};
        if (target.slot == bucket::no_slot) {
            target.slot = foreign_slot_of(home);
            if (target.slot != bucket::no_slot) {
                relocate(target);
            } else {
                target = overflow_from(home);
            }
        }
        write(target, low, high, value, visited);
        ++entries_;
    }

    /// A slot of a full bucket whose entry overflowed from another bucket.
    [[nodiscard]] std::size_t foreign_slot_of(bucket& full) const {
        std::size_t slot = 0;
        while (slot < bucket::slot_count && &home_of(position{&full, slot}.low()) == &full) {
            ++slot;
        }
        return slot;
    }

    /// Copies an entry to the next free slot, so that its old slot may be overwritten. The copy
    /// comes first: a concurrent lookup finds one of the two.
    void relocate(position entry) { copy(entry, overflow_from(*entry.at)); }

    /// Moves an overflowed entry to its own bucket if that has a free slot. The copy comes first: a
    /// concurrent lookup that finds neither of the two also finds the bucket changed.
    void move_home(position entry) {
        bucket& home = home_of(entry.low());
        if (&home == entry.at) {
            return;
        }
        if (position const target{&home, home.free_slot()}; target.slot != bucket::no_slot) {
            copy(entry, target);
            vacate(entry);
        }
    }

    void copy(position entry, position target) {
        write(target, entry.low(), entry.high(), entry.value(), entry.at->was_visited(entry.slot));
    }

    /// Frees the slot of an entry.
    void vacate(position entry) {
        bucket* here = &home_of(entry.low());
        entry.at->write(entry.slot, 0, 0, {}, first_version());
        for (; here != entry.at; here = &bucket::after(buckets_, *here)) {
            here->decrement_overflow();
        }
    }

    /// The next free slot after a full bucket. Counts the overflow of all buckets before it.
    [[nodiscard]] position overflow_from(bucket& full) {
        bucket* here = &full;
        std::size_t slot = bucket::no_slot;
        while (slot == bucket::no_slot) {
            here->increment_overflow();
            here = &bucket::after(buckets_, *here);
            slot = here->free_slot();
        }
        return {here, slot};
    }

    void write(position target, std::uint64_t low, std::uint16_t high, slot_value value,
               bool visited) {
        target.at->clear_visited(target.slot);
        if (visited) {
            target.at->mark_visited(target.slot);
        }
        target.at->write(target.slot, low, high, value, first_version());
    }

    /// Probes the key's own bucket and, while entries overflowed, the next ones, until `find`
    /// returns a slot.
    template <class Find> position probe(std::uint64_t low, Find find) const {
        bucket* here = &home_of(low);
        for (std::size_t probes = count; probes > 0; --probes) {
            if (std::size_t const slot = find(*here); slot != bucket::no_slot) {
                return {here, slot};
            }
            if (here->overflow.load(std::memory_order_relaxed) == 0) {
                break;
            }
            here = &bucket::after(buckets_, *here);
        }
        return {};
    }

    [[nodiscard]] position locate_low(std::uint64_t low) const {
        return probe(low, [&](bucket const& b) { return b.find_low(low); });
    }

    /// Returns and clears the visited bit of an entry.
    [[nodiscard]] key_use test_and_clear_visited(std::uint64_t low) const {
        position const entry = locate_low(low);
        if (!entry.exists()) {
            return key_use::stale;
        }
        bool const visited = entry.at->was_visited(entry.slot);
        entry.at->clear_visited(entry.slot);
        return visited ? key_use::visited : key_use::unvisited;
    }

    bucket* const buckets_;
    std::uint64_t const prefix_;
    std::size_t entries_ = 0;
    std::uint64_t evictions_ = 0;
    unsigned depth_;
    std::uint32_t generation_ = 0;
    std::unique_ptr<s3_fifo> order_; ///< null without eviction
};

} // namespace memo::detail
