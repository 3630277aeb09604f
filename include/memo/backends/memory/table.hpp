// SPDX-License-Identifier: BSL-1.0
#pragma once

// Key bits in, a word of value out: the table that holds one function's entries. It knows nothing
// of types.
//
// 64 shards, each an array of buckets probed one after the other from the key's own. Lookups take
// no lock. Changes lock the shard; an array that is too full is copied into one of twice the size
// and swapped in, and the old one is retired, so growth stops no reader and needs 1/64 more memory,
// not twice as much.

#include <memo/backends/memory/bucket.hpp>
#include <memo/backends/memory/bucket_array.hpp>
#include <memo/backends/memory/eviction.hpp>
#include <memo/backends/memory/reclaim.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace memo::detail {

class table {
  public:
    static constexpr std::size_t shards = 64;

    /// bounded         whether entries may have to be evicted, and their order is to be kept
    explicit table(bool bounded) : bounded_(bounded) {}
    table(table const&) = delete;
    table& operator=(table const&) = delete;
    ~table() {
        for (auto& array : arrays_) {
            if (array.load().exists()) {
                bucket_array::destroy(array.load().tagged());
            }
        }
    }

    /// Looks a key up; gives nothing if it is not here. The caller is in a read section while it uses
    /// a block.
    [[nodiscard, gnu::always_inline]] inline slot_value find(key128 key) const {
        slot_key const wanted(key);
        bucket_array const array = arrays_[wanted.shard].load(std::memory_order_acquire);
        if (!array.exists()) {
            return {};
        }
        bucket& home = array.home_of(wanted.low);
        slot_value value;
        std::size_t slot = 0;
        if (home.glance(wanted, value, slot)) [[likely]] {
            if (bounded_) {
                home.mark_visited(slot);
            }
            return value;
        }
        return find_carefully(array, wanted);
    }

    /// Has the bucket fetched in which a lookup of this key begins.
    void prefetch(key128 key) const {
        slot_key const wanted(key);
        arrays_[wanted.shard].load(std::memory_order_acquire).prefetch(wanted.low);
    }

    /// Stores a value; returns the old one.
    std::optional<slot_value> put(key128 key, slot_value value) {
        slot_key const wanted(key);
        shard& home = shards_[wanted.shard];
        std::scoped_lock const lock(home.mutex);
        place const found = locate(wanted);
        if (found.exists()) {
            slot_value const old = found.at->read(found.slot);
            found.at->write(found.slot, wanted.low, wanted.high, value);
            return old;
        }
        add(wanted, value);
        return std::nullopt;
    }

    /// Stores `desired` if what is there is still `expected`; false if it is not.
    bool exchange(key128 key, slot_value expected, slot_value desired) {
        slot_key const wanted(key);
        shard& home = shards_[wanted.shard];
        std::scoped_lock const lock(home.mutex);
        place const found = locate(wanted);
        slot_value const now = found.exists() ? found.at->read(found.slot) : slot_value{};
        bool const same = now.is == expected.is && now.word == expected.word;
        if (same && found.exists()) {
            found.at->write(found.slot, wanted.low, wanted.high, desired);
        } else if (same) {
            add(wanted, desired);
        }
        return same;
    }

    /// Removes a key if `agrees` says so of its value; returns what was removed.
    template <class Agrees> std::optional<slot_value> erase_if(key128 key, Agrees agrees) {
        slot_key const wanted(key);
        shard& home = shards_[wanted.shard];
        std::scoped_lock const lock(home.mutex);
        place const found = locate(wanted);
        if (!found.exists() || !agrees(found.at->read(found.slot))) {
            return std::nullopt;
        }
        slot_value const old = remove(wanted.shard, found);
        if (bounded_) {
            home.order.tidy(entries_of(home), [&](std::uint64_t low) {
                return locate_low(wanted.shard, low).exists();
            });
        }
        return old;
    }

    /// Removes the entry whose turn it is, from the first shard at or after `start` that has one.
    std::optional<slot_value> evict(std::size_t start) {
        for (std::size_t i = 0; i < shards; ++i) {
            std::size_t const number = (start + i) % shards;
            shard& home = shards_[number];
            std::scoped_lock const lock(home.mutex);
            auto const low = home.order.victim([&](std::uint64_t key) { return ask(number, key); });
            if (low) {
                return remove(number, locate_low(number, *low));
            }
        }
        return std::nullopt;
    }

    /// Removes everything; `dispose` is given each value, its shard locked.
    template <class Dispose> void clear(Dispose dispose) {
        for (std::size_t number = 0; number < shards; ++number) {
            shard& home = shards_[number];
            std::scoped_lock const lock(home.mutex);
            bucket_array const array = arrays_[number].load(std::memory_order_relaxed);
            if (!array.exists()) {
                continue;
            }
            array.for_each([&](bucket& b, std::size_t slot) { dispose(b.read(slot)); });
            arrays_[number].store({}, std::memory_order_release);
            home.entries.store(0, std::memory_order_relaxed);
            home.order.clear();
            reclaimer::instance().retire(array.tagged(), bucket_array::destroy, array.bytes());
        }
    }

    [[nodiscard]] std::size_t entries() const noexcept {
        std::size_t sum = 0;
        for (auto const& each : shards_) {
            sum += entries_of(each);
        }
        return sum;
    }

  private:
    [[gnu::noinline]] slot_value find_carefully(bucket_array array, slot_key wanted) const {
        bucket* here = &array.home_of(wanted.low);
        for (std::size_t probes = array.count(); probes > 0; --probes) {
            slot_value value;
            std::size_t slot = 0;
            auto const sight = here->look(wanted, value, slot);
            if (sight == bucket::sight::hit) {
                if (bounded_) {
                    here->mark_visited(slot);
                }
                return value;
            }
            if (sight == bucket::sight::absent) {
                break;
            }
            here = &array.after(*here);
        }
        return {};
    }

    struct alignas(128) shard {
        std::mutex mutex;
        std::atomic<std::size_t> entries{0}; ///< written under the lock, read by whoever counts
        s3_fifo order;
    };

    struct place {
        bucket* at = nullptr;
        std::size_t slot = bucket::nowhere;
        [[nodiscard]] bool exists() const noexcept { return at != nullptr; }
    };

    static std::size_t entries_of(shard const& home) noexcept {
        return home.entries.load(std::memory_order_relaxed);
    }

    /// Walks from a key's own bucket while entries have gone past, until `find` knows a slot.
    template <class Find> place walk(std::size_t number, std::uint64_t low, Find find) const {
        bucket_array const array = arrays_[number].load(std::memory_order_relaxed);
        if (!array.exists()) {
            return {};
        }
        bucket* here = &array.home_of(low);
        for (std::size_t probes = array.count(); probes > 0; --probes) {
            if (std::size_t const slot = find(*here); slot != bucket::nowhere) {
                return {here, slot};
            }
            if (here->passed.load(std::memory_order_relaxed) == 0) {
                break;
            }
            here = &array.after(*here);
        }
        return {};
    }

    [[nodiscard]] place locate(slot_key key) const {
        return walk(key.shard, key.low, [&](bucket const& b) { return b.find(key); });
    }

    [[nodiscard]] place locate_low(std::size_t number, std::uint64_t low) const {
        return walk(number, low, [&](bucket const& b) { return b.find_low(low); });
    }

    [[nodiscard]] residence ask(std::size_t number, std::uint64_t low) const {
        place const found = locate_low(number, low);
        if (!found.exists()) {
            return residence::gone;
        }
        bool const visited = found.at->was_visited(found.slot);
        found.at->clear_visited(found.slot);
        return visited ? residence::visited : residence::idle;
    }

    /// Adds a key that is not there, its shard locked.
    void add(slot_key wanted, slot_value value) {
        shard& home = shards_[wanted.shard];
        make_room(wanted.shard);
        if (bounded_) {
            home.order.inserted(wanted.low); // may throw, and then nothing was inserted
        }
        insert(arrays_[wanted.shard].load(std::memory_order_relaxed), wanted.low, wanted.high,
               value, false);
        home.entries.store(entries_of(home) + 1, std::memory_order_relaxed);
    }

    static void insert(bucket_array array, std::uint64_t low, std::uint16_t high, slot_value value,
                       bool visited) {
        bucket* here = &array.home_of(low);
        while (here->free_slot() == bucket::nowhere) {
            here->pass();
            here = &array.after(*here);
        }
        std::size_t const slot = here->free_slot();
        here->clear_visited(slot);
        if (visited) {
            here->mark_visited(slot);
        }
        here->write(slot, low, high, value);
    }

    slot_value remove(std::size_t number, place found) {
        bucket_array const array = arrays_[number].load(std::memory_order_relaxed);
        slot_value const old = found.at->read(found.slot);
        bucket* here = &array.home_of(found.at->low[found.slot].load(std::memory_order_relaxed));
        found.at->write(found.slot, 0, 0, {});
        for (; here != found.at; here = &array.after(*here)) {
            here->unpass();
        }
        auto& entries = shards_[number].entries;
        entries.store(entries.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        return old;
    }

    void make_room(std::size_t number) {
        bucket_array const old = arrays_[number].load(std::memory_order_relaxed);
        if (old.exists() && entries_of(shards_[number]) < old.most_entries()) {
            return;
        }
        bucket_array const grown = bucket_array::make(old.exists() ? old.log2() + 1 : 0);
        if (old.exists()) {
            old.for_each([&](bucket& b, std::size_t slot) {
                insert(grown, b.low[slot].load(std::memory_order_relaxed),
                       b.high[slot].load(std::memory_order_relaxed), b.read(slot),
                       b.was_visited(slot));
            });
        }
        arrays_[number].store(grown, std::memory_order_release);
        if (old.exists()) {
            reclaimer::instance().retire(old.tagged(), bucket_array::destroy, old.bytes());
        }
    }

    // Apart from the shards: readers share these lines, and no writer's lock is in them.
    std::array<std::atomic<bucket_array>, shards> arrays_{};
    bool const bounded_;
    std::array<shard, shards> shards_;
};

} // namespace memo::detail
