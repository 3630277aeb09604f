// SPDX-License-Identifier: BSL-1.0
#pragma once

// A segment: the unit by which the table grows. It has 256 buckets, probed in a row from a key's own one.
// All keys of a segment begin with the same bits; other bits choose the bucket.

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/bucket_memory.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/system/fork.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace memo::detail {

/// The writers' side of a run of buckets; readers see the buckets alone.
///
/// Thread safety:  for whoever holds its mutex
class alignas(64) segment {
  public:
    /// Few enough for a split in some microseconds, and enough for a directory of 10^7 entries that stays
    /// in the second-level cache.
    static constexpr std::size_t count = 256;
    static constexpr std::size_t slot_count = count * bucket::slot_count;
    using memory = bucket_memory<count>;

    /// Where a key is.
    struct place {
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

    /// runs            of buckets, of which it takes one
    /// prefix          the first `depth` bits of all its keys, and zeros
    /// order           of eviction; null if nothing is evicted
    segment(memory& runs, std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order)
        : buckets_(runs.take()), prefix_(prefix), depth_(depth), order_(std::move(order)) {}

    [[nodiscard]] bucket* buckets() const noexcept { return buckets_; }
    [[nodiscard]] std::uint64_t prefix() const noexcept { return prefix_; }
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }
    [[nodiscard]] std::size_t entries() const noexcept { return entries_; }
    [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

    /// Whether a key belongs here.
    [[nodiscard]] bool owns(std::uint64_t low) const noexcept {
        return ((low ^ prefix_) >> 1) >> (63 - depth_) == 0;
    }

    /// Which of a segment's buckets is a key's own.
    [[nodiscard]] static std::size_t number_of(std::uint64_t low) noexcept {
        return (low >> 6) & (count - 1); // times 64: the bits where they are
    }

    /// The bucket after one of these.
    [[nodiscard]] static bucket& after(bucket* buckets, bucket const& b) noexcept {
        return buckets[static_cast<std::size_t>(&b - buckets + 1) & (count - 1)];
    }

    [[nodiscard]] place locate(slot_key key) const {
        return probe(key.low, [&](bucket const& b) { return b.find(key); });
    }

    /// Adds a key that is not here. There must be a free slot.
    void add(slot_key key, slot_value value) {
        if (order_) {
            order_->insert(key.low); // may throw, and then nothing was added
        }
        insert(key.low, key.high, value, false);
    }

    void replace(place there, slot_value value) {
        there.at->write(there.slot, there.low(), there.high(), value, first_state());
    }

    /// Removes an entry; returns its value.
    slot_value remove(place there) {
        slot_value const old = there.value();
        bucket* here = &home_of(there.low());
        there.at->write(there.slot, 0, 0, {}, first_state());
        for (; here != there.at; here = &after(buckets_, *here)) {
            here->unpass();
        }
        --entries_;
        return old;
    }

    /// Evicts an entry, if there is one; returns its value.
    std::optional<slot_value> evict() noexcept {
        if (!order_) {
            return std::nullopt;
        }
        auto const low = order_->victim([&](std::uint64_t key) { return take_visited(key); });
        evictions_ += low ? 1U : 0U;
        return low ? std::optional(remove(locate_low(*low))) : std::nullopt;
    }

    /// Drops removed entries from the order of eviction once they outnumber the others.
    void tidy() noexcept {
        if (order_) {
            order_->tidy(entries_, [&](std::uint64_t low) { return locate_low(low).exists(); });
        }
    }

    /// Removes all entries, and returns the pages to the system if it takes them.
    void clear() {
        if (!memory::give_back(buckets_)) {
            for (std::size_t i = 0; i < count; ++i) {
                buckets_[i].empty();
            }
        }
        ++generation_;
        entries_ = 0;
        if (order_) {
            order_->clear();
        }
    }

    // Splitting.

    /// The first of a key's bits that its neighbours need not share.
    [[nodiscard]] std::uint64_t next_bit() const noexcept {
        return std::uint64_t{1} << (63 - depth_);
    }

    /// How many keys can begin with the prefix; 0 for all of the 2^64.
    [[nodiscard]] std::uint64_t span() const noexcept { return next_bit() << 1; }

    /// Whether that bit tells a quarter of the keys from the others: always, if they are hashes.
    [[nodiscard]] bool can_split() const {
        std::size_t ones = 0;
        for_each([&](place each) { ones += static_cast<std::size_t>(moves(each)); });
        return ones > entries_ / 4 && entries_ - ones > entries_ / 4;
    }

    /// The order of the entries whose next bit is set, or of the others.
    [[nodiscard]] std::unique_ptr<s3_fifo> order_of_half(bool set) const {
        if (!order_) {
            return nullptr;
        }
        return std::make_unique<s3_fifo>(order_->part(
            [set, bit = next_bit()](std::uint64_t low) { return ((low & bit) != 0) == set; }));
    }

    /// Copies the entries whose next bit is set to a segment without entries.
    void copy_half_to(segment& fresh) noexcept {
        for_each([&](place each) {
            if (moves(each)) {
                fresh.insert(each.low(), each.high(), each.value(),
                             each.at->was_visited(each.slot));
            }
        });
    }

    /// Removes these entries.
    ///
    /// order           of eviction of the others
    void remove_half(std::unique_ptr<s3_fifo> order) noexcept {
        order_ = std::move(order);
        for_each([&](place each) {
            if (moves(each)) {
                remove(each);
            }
        });
        ++depth_;
    }

    /// Visits every entry.
    template <class Visit> void for_each(Visit visit) const {
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t slot = 0; slot < bucket::slot_count; ++slot) {
                if (place const each{buckets_ + i, slot}; each.low() != 0) {
                    visit(each);
                }
            }
        }
    }

  private:
    [[nodiscard]] bucket& home_of(std::uint64_t low) const noexcept {
        return buckets_[number_of(low)];
    }

    [[nodiscard]] bool moves(place each) const noexcept { return (each.low() & next_bit()) != 0; }

    /// The first state of a bucket whose page was given back: a count of changes that none of the last 255
    /// generations has had, unless one changed a bucket 2^20 times.
    [[nodiscard]] std::uint32_t first_state() const noexcept { return generation_ << 24; }

    /// A key takes a slot of its own bucket before keys of other buckets: most hits must be in the first
    /// bucket that a lookup probes.
    void insert(std::uint64_t low, std::uint16_t high, slot_value value, bool visited) {
        bucket& home = home_of(low);
        place there{&home, home.free_slot()};
        if (there.slot == bucket::no_slot) {
            there.slot = guest_of(home);
            if (there.slot != bucket::no_slot) {
                move_on(there);
            } else {
                there = pass_on_from(home);
            }
        }
        write(there, low, high, value, visited);
        ++entries_;
    }

    /// A slot whose key belongs to another bucket that was full.
    [[nodiscard]] std::size_t guest_of(bucket& host) const {
        std::size_t slot = 0;
        while (slot < bucket::slot_count && &home_of(place{&host, slot}.low()) == &host) {
            ++slot;
        }
        return slot;
    }

    /// Copies an entry to its next free slot, so that its old one may be overwritten.
    void move_on(place guest) {
        write(pass_on_from(*guest.at), guest.low(), guest.high(), guest.value(),
              guest.at->was_visited(guest.slot));
    }

    /// The next free slot after a full bucket; the entry passes the buckets between.
    [[nodiscard]] place pass_on_from(bucket& full) {
        bucket* here = &full;
        std::size_t slot = bucket::no_slot;
        while (slot == bucket::no_slot) {
            here->pass();
            here = &after(buckets_, *here);
            slot = here->free_slot();
        }
        return {here, slot};
    }

    void write(place there, std::uint64_t low, std::uint16_t high, slot_value value, bool visited) {
        there.at->clear_visited(there.slot);
        if (visited) {
            there.at->mark_visited(there.slot);
        }
        there.at->write(there.slot, low, high, value, first_state());
    }

    /// Probes from a key's own bucket on while entries have passed, until `find` returns a slot.
    template <class Find> place probe(std::uint64_t low, Find find) const {
        bucket* here = &home_of(low);
        for (std::size_t probes = count; probes > 0; --probes) {
            if (std::size_t const slot = find(*here); slot != bucket::no_slot) {
                return {here, slot};
            }
            if (here->passed.load(std::memory_order_relaxed) == 0) {
                break;
            }
            here = &after(buckets_, *here);
        }
        return {};
    }

    [[nodiscard]] place locate_low(std::uint64_t low) const {
        return probe(low, [&](bucket const& b) { return b.find_low(low); });
    }

    /// Whether an entry was visited, and clears that; nothing if there is none.
    [[nodiscard]] std::optional<bool> take_visited(std::uint64_t low) const {
        place const found = locate_low(low);
        if (!found.exists()) {
            return std::nullopt;
        }
        bool const visited = found.at->was_visited(found.slot);
        found.at->clear_visited(found.slot);
        return visited;
    }

    bucket* const buckets_;
    std::uint64_t const prefix_;
    std::size_t entries_ = 0;
    std::uint64_t evictions_ = 0;
    unsigned depth_;
    std::uint32_t generation_ = 0;
    std::unique_ptr<s3_fifo> order_; ///< null if nothing is evicted
};

} // namespace memo::detail
