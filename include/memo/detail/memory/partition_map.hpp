// SPDX-License-Identifier: BSL-1.0
#pragma once

// The partitions of one memory store by the scope of their functions, their usage, and which one loses an
// entry when a bound is reached.
//
// A partition without users keeps its entries for the next wrapper of its function, and is dropped once it
// has none. Until then it is idle, and its table takes as much memory as ever, however few entries are
// left: some 26 KiB for one. So under a bound in bytes an idle partition counts with the bytes of its
// table. If idle tables waste too much, their entries are evicted before those of functions in use.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/hash_map.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/memory/table.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>

namespace memo::detail {

/// The weight of an entry or of several: what they count for a bound. Differences are modulo 2^64, as
/// the sums are.
struct weight {
    std::size_t entries = 0;
    std::size_t bytes = 0;

    weight& operator+=(weight other) noexcept {
        entries += other.entries;
        bytes += other.bytes;
        return *this;
    }
    weight& operator-=(weight other) noexcept {
        entries -= other.entries;
        bytes -= other.bytes;
        return *this;
    }
};

/// The sum of weights, as all threads see it. A change by 0 writes nothing: threads that only replace
/// entries would wait for each other.
struct alignas(128) usage {
    std::atomic<std::size_t> entries{0};
    std::atomic<std::size_t> bytes{0};

    void operator+=(weight more) noexcept {
        if (more.entries != 0) {
            entries.fetch_add(more.entries, std::memory_order_relaxed);
        }
        if (more.bytes != 0) {
            bytes.fetch_add(more.bytes, std::memory_order_relaxed);
        }
    }
};

/// One function's entries, without their type, and its counters.
struct partition {
    partition(key128 of, bool evicts) : scope(of), entries(evicts) {}

    key128 const scope;
    table entries;
    usage used;
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> too_large{0};

    // Guarded by the lock of the partition map.
    std::size_t users = 0;
    std::size_t idle_table = 0; ///< bytes that its table counts with while it is idle; else 0
};

/// All partitions of one store, and their usage.
///
/// Thread safety:  safe
class partition_map {
  public:
    explicit partition_map(memory_settings const& settings)
        : max_entries_(settings.max_entries),
          max_bytes_((std::min)(settings.max_bytes, std::size_t{1} << 62)) {} // no sum wraps
    partition_map(partition_map const&) = delete;
    partition_map& operator=(partition_map const&) = delete;
    ~partition_map() {
        by_scope_.for_each([&](key128, partition& each) { clear(each); });
    }

    [[nodiscard]] bool bounded() const noexcept { return max_entries_ != 0 || max_bytes_ != 0; }

    /// The partition of a scope, with one user more.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    [[nodiscard]] partition& open(key128 scope) {
        std::scoped_lock const lock(mutex_);
        partition* of = by_scope_.find(scope);
        if (of == nullptr) {
            of = &by_scope_.add(scope, scope, bounded());
            update_only();
        }
        count_table(*of, 0);
        ++of->users;
        return *of;
    }

    /// Ends one use of a partition.
    void close(partition& of) noexcept {
        std::scoped_lock const lock(mutex_);
        if (--of.users > 0) {
            return;
        }
        std::size_t const entries = of.used.entries;
        if (entries == 0) {
            drop(of);
        } else if (max_bytes_ != 0) {
            count_table(of, (std::max)(min_table_bytes, entries * slot_bytes));
        }
    }

    /// Removes all entries of a partition.
    void clear(partition& of) noexcept {
        of.entries.clear([&](slot_value value) { release(of, value); });
        process_wide<reclaimer>().reclaim();
    }

    // Usage.

    /// Whether the usage and `more` exceed a bound.
    [[nodiscard]] bool exceeds_bound(weight more) const noexcept {
        return (max_entries_ != 0 && used_.entries + more.entries > max_entries_) ||
               (max_bytes_ != 0 && used_.bytes + more.bytes > max_bytes_);
    }

    /// Whether a value alone exceeds the bound.
    [[nodiscard]] bool too_large(slot_value value) const noexcept {
        return max_bytes_ != 0 && weight_of(value).bytes > max_bytes_;
    }

    /// The change of usage by `now` in the place of `before`; either may be nothing.
    [[nodiscard]] weight weight_of(slot_value now, slot_value before) const noexcept {
        weight difference = weight_of(now);
        return difference -= weight_of(before);
    }

    void charge(partition& of, weight more) noexcept {
        of.used += more;
        if (bounded()) {
            used_ += more;
        }
    }

    /// Takes a value that left the table off the usage, and retires it.
    void release(partition& of, slot_value value) noexcept {
        charge(of, weight_of({}, value));
        retire(value);
    }

    /// Evicts an entry to make room for a key of `requester`.
    ///
    /// Returns:        its weight, which is in the usage of `requester` from now on, whichever partition
    ///                 it was of, and still in the sum of all: most insertions into a full store change
    ///                 neither. Nothing if there was no entry
    // Keys are random bits, so the key draws the partition, and the segment, which is its own.
    [[nodiscard]] std::optional<weight> evict_one(partition& requester, key128 key) noexcept {
        if (only_.load(std::memory_order_acquire) == &requester) {
            return evict_from(requester, requester, key.low).freed;
        }
        eviction result;
        {
            std::shared_lock const lock(mutex_);
            if (waste_ > max_bytes_ / max_waste) {
                result = evict_by_share(requester, key, waste_, waste_of);
            } else {
                result = evict_by_share(requester, key, used_.entries, entries_of);
            }
        }
        if (result.emptied) {
            std::scoped_lock const lock(mutex_);
            partition* const empty = by_scope_.find(*result.emptied);
            if (empty != nullptr && empty->users == 0 && empty->used.entries == 0) {
                drop(*empty);
            } // or another thread has dropped or opened it
        }
        return result.freed;
    }

    [[nodiscard]] static backend_statistics stats(partition const& of) {
        backend_statistics sum;
        sum.entries = of.used.entries;
        sum.bytes = of.used.bytes;
        sum.evictions = of.entries.evictions();
        sum.expirations = of.expirations;
        sum.too_large = of.too_large;
        return sum;
    }

    [[nodiscard]] backend_statistics stats() const {
        std::shared_lock const lock(mutex_);
        backend_statistics sum = of_dropped_;
        by_scope_.for_each([&](key128, partition const& each) { sum += stats(each); });
        return sum;
    }

  private:
    /// The bytes of a table with one segment: measured.
    static constexpr std::size_t min_table_bytes = std::size_t{26} * 1024;

    /// Idle tables may waste one part in so many of the bound before their entries go first.
    static constexpr std::size_t max_waste = 8;

    [[nodiscard]] weight weight_of(slot_value value) const noexcept {
        if (!value.exists()) {
            return {};
        }
        return {1, bytes_of(value) + (bounded() ? s3_fifo::bytes_an_entry : 0)};
    }

    /// Bytes that an idle partition counts with beyond its entries; 0 for one in use.
    [[nodiscard]] static std::size_t waste_of(partition const& of) noexcept {
        return of.idle_table != 0 ? of.idle_table - of.used.entries * slot_bytes : 0;
    }

    [[nodiscard]] static std::size_t entries_of(partition const& of) noexcept {
        return of.used.entries;
    }

    /// Counts a partition with so many bytes for its table; with those of its entries, if 0. Callers hold
    /// the lock.
    void count_table(partition& of, std::size_t bytes) noexcept {
        std::size_t const before = waste_of(of);
        of.idle_table = bytes;
        std::size_t const more = waste_of(of) - before; // modulo 2^64, as all sums
        charge(of, {0, more});
        waste_ += more;
    }

    /// Drops a partition without users and entries. Callers hold the lock.
    void drop(partition& empty) noexcept {
        count_table(empty, 0);
        of_dropped_ += stats(empty);
        by_scope_.erase(key128(empty.scope));
        update_only();
    }

    void update_only() noexcept {
        partition* only = nullptr;
        if (by_scope_.size() == 1) {
            by_scope_.for_each([&](key128, partition& each) { only = &each; });
        }
        only_.store(only, std::memory_order_release);
    }

    struct eviction {
        std::optional<weight> freed;   ///< none if there was nothing to evict
        std::optional<key128> emptied; ///< the scope of an idle partition that lost its last entry
    };

    /// Evicts from one of the partitions, each with the chance of its share of a sum; from another one if
    /// that has no entries.
    template <class ShareOf>
    eviction evict_by_share(partition& requester, key128 key, std::size_t sum,
                            ShareOf share_of) noexcept {
        std::size_t rest = key.high % std::max<std::size_t>(sum, 1);
        partition* from = nullptr;
        by_scope_.for_each([&](key128, partition& each) {
            std::size_t const share = share_of(each);
            if (from == nullptr && rest < share) {
                from = &each;
            }
            rest -= (std::min)(rest, share);
        });
        eviction result;
        if (from != nullptr) {
            result = evict_from(*from, requester, key.low);
        }
        by_scope_.for_each([&](key128, partition& each) {
            if (!result.freed) {
                result = evict_from(each, requester, key.low);
            }
        });
        return result;
    }

    eviction evict_from(partition& from, partition& requester, std::uint64_t draw) noexcept {
        auto const value = from.entries.evict(draw);
        if (!value) {
            return {};
        }
        weight freed = weight_of(*value);
        retire(*value);
        if (&from == &requester) {
            return {freed, std::nullopt};
        }
        if (from.idle_table != 0) {
            freed.bytes -= slot_bytes; // the table takes it until it is dropped
            waste_ += slot_bytes;
        }
        requester.used += freed;
        from.used += weight{} -= freed;
        bool const is_empty = from.users == 0 && from.used.entries == 0;
        return {freed, is_empty ? std::optional(from.scope) : std::nullopt};
    }

    std::size_t const max_entries_; ///< 0: any number
    std::size_t const max_bytes_;
    usage used_;                            ///< of all partitions; only with a bound
    std::atomic<std::size_t> waste_{0};     ///< bytes that idle tables count with beyond entries
    std::atomic<partition*> only_{nullptr}; ///< the one there is; null if there are more
    mutable shared_mutex mutex_;
    hash_map<key128, partition> by_scope_;
    backend_statistics of_dropped_; ///< the counters of partitions that were dropped
};

} // namespace memo::detail
