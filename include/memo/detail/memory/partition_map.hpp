// SPDX-License-Identifier: BSL-1.0
#pragma once

// Scopes in, their partitions out; and, once there is too much on them, which one loses an entry.
//
// A partition that nobody uses any more keeps its entries for the next wrapper of its function, and is
// dropped as soon as it has none. Until then it is idle, and its table takes what it took, however
// few of its entries are left: some 26 KiB for a single one. So under a bound in bytes an idle partition
// counts as what its table takes; and what so many tables waste goes before the entries of functions
// in use do.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/hash_map.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/memory_partition.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
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

/// All partitions of one store, and the sums of what is on them.
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

    /// The partition of a scope, for one user more.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    [[nodiscard]] partition& open(key128 scope) {
        std::scoped_lock const lock(mutex_);
        partition* opened = by_scope_.find(scope);
        if (opened == nullptr) {
            opened = &by_scope_.add(scope, scope, bounded());
            note_only();
        }
        count_table(*opened, 0);
        ++opened->users;
        return *opened;
    }

    /// For one user less.
    void close(partition& closed) noexcept {
        std::scoped_lock const lock(mutex_);
        if (--closed.users > 0) {
            return;
        }
        std::size_t const entries = closed.kept.entries;
        if (entries == 0) {
            drop(closed);
        } else if (max_bytes_ != 0) {
            count_table(closed, (std::max)(min_table_bytes, entries * slot_bytes));
        }
    }

    /// Takes all entries out.
    void clear(partition& cleared) noexcept {
        cleared.entries.clear([&](slot_value value) { forget(cleared, value); });
        process_wide<reclaimer>().reclaim();
    }

    // What is kept.

    /// Whether it is too much with so much more.
    [[nodiscard]] bool over(usage more) const noexcept {
        return (max_entries_ != 0 && kept_.entries + more.entries > max_entries_) ||
               (max_bytes_ != 0 && kept_.bytes + more.bytes > max_bytes_);
    }

    /// Whether a value is more than all entries may be.
    [[nodiscard]] bool too_large(slot_value value) const noexcept {
        return max_bytes_ != 0 && usage_of(value).bytes > max_bytes_;
    }

    /// For `now` in the place of `before`; either may be nothing.
    [[nodiscard]] usage usage_of(slot_value now, slot_value before) const noexcept {
        usage difference = usage_of(now);
        return difference -= usage_of(before);
    }

    void account(partition& of, usage more) noexcept {
        of.kept += more;
        if (bounded()) {
            kept_ += more;
        }
    }

    /// Accounts for a value that left the table.
    void forget(partition& of, slot_value value) noexcept {
        account(of, usage_of({}, value));
        retire(value);
    }

    /// Evicts an entry to make room for a key. What went is accounted for as if it had been of the
    /// partition that asks, but not taken off the sums: most insertions into a full store leave these as
    /// they are.
    // Keys are random bits, so they draw the segment, which is the one that the key will be in, and
    // the function.
    [[nodiscard]] std::optional<usage> evict_one(partition& asking, key128 key) noexcept {
        if (only_.load(std::memory_order_acquire) == &asking) {
            return evict_from(asking, asking, key.low).freed;
        }
        evicted went;
        {
            std::shared_lock const lock(mutex_);
            if (waste_ > max_bytes_ / max_waste) {
                went = evict_by_share(asking, key, waste_, waste_of);
            } else {
                went = evict_by_share(asking, key, kept_.entries, entries_of);
            }
        }
        if (went.emptied) {
            std::scoped_lock const lock(mutex_);
            partition* const left = by_scope_.find(*went.emptied);
            if (left != nullptr && left->users == 0 && left->kept.entries == 0) {
                drop(*left);
            } // or somebody else has dropped or opened it
        }
        return went.freed;
    }

    [[nodiscard]] static backend_statistics stats(partition const& of) {
        backend_statistics sum;
        sum.entries = of.kept.entries;
        sum.bytes = of.kept.bytes;
        sum.evictions = of.entries.evictions();
        sum.expirations = of.expirations;
        sum.too_large = of.too_large;
        return sum;
    }

    [[nodiscard]] backend_statistics stats() const {
        std::shared_lock const lock(mutex_);
        backend_statistics sum = dropped_;
        by_scope_.for_each([&](key128, partition const& each) { sum += stats(each); });
        return sum;
    }

  private:
    /// What the least table takes with all that belongs to it: measured.
    static constexpr std::size_t min_table_bytes = std::size_t{26} * 1024;

    /// Idle tables may waste one in so many of the bytes before they go first.
    static constexpr std::size_t max_waste = 8;

    [[nodiscard]] usage usage_of(slot_value value) const noexcept {
        if (!value.exists()) {
            return {};
        }
        return {1, bytes_of(value) + (bounded() ? s3_fifo::bytes_an_entry : 0)};
    }

    /// What an idle partition counts as beyond its entries; 0 if it is none.
    [[nodiscard]] static std::size_t waste_of(partition const& of) noexcept {
        return of.idle_table != 0 ? of.idle_table - of.kept.entries * slot_bytes : 0;
    }

    [[nodiscard]] static std::size_t entries_of(partition const& of) noexcept {
        return of.kept.entries;
    }

    /// Has a partition's table count as so many bytes; as those of its entries, if 0. The lock is held.
    void count_table(partition& of, std::size_t bytes) noexcept {
        std::size_t const before = waste_of(of);
        of.idle_table = bytes;
        std::size_t const more = waste_of(of) - before; // modulo 2^64, as all sums
        account(of, {0, more});
        waste_ += more;
    }

    /// Drops a partition that has neither users nor entries. The lock is held.
    void drop(partition& empty) noexcept {
        count_table(empty, 0);
        dropped_ += stats(empty);
        by_scope_.erase(key128(empty.scope));
        note_only();
    }

    void note_only() noexcept {
        partition* only = nullptr;
        if (by_scope_.size() == 1) {
            by_scope_.for_each([&](key128, partition& each) { only = &each; });
        }
        only_.store(only, std::memory_order_release);
    }

    struct evicted {
        std::optional<usage> freed;    ///< nothing if there was nothing to evict
        std::optional<key128> emptied; ///< the scope of an idle partition that lost its last entry
    };

    /// Evicts from one of the functions, each with the chance of its share of a sum; from another one
    /// if that has no entries.
    template <class ShareOf>
    evicted evict_by_share(partition& asking, key128 key, std::size_t sum,
                           ShareOf share_of) noexcept {
        std::size_t rest = key.high % std::max<std::size_t>(sum, 1);
        partition* drawn = nullptr;
        by_scope_.for_each([&](key128, partition& each) {
            std::size_t const share = share_of(each);
            if (drawn == nullptr && rest < share) {
                drawn = &each;
            }
            rest -= (std::min)(rest, share);
        });
        evicted went;
        if (drawn != nullptr) {
            went = evict_from(*drawn, asking, key.low);
        }
        by_scope_.for_each([&](key128, partition& each) {
            if (!went.freed) {
                went = evict_from(each, asking, key.low);
            }
        });
        return went;
    }

    evicted evict_from(partition& from, partition& asking, std::uint64_t draw) noexcept {
        auto const value = from.entries.evict(draw);
        if (!value) {
            return {};
        }
        usage freed = usage_of(*value);
        retire(*value);
        if (&from == &asking) {
            return {freed, std::nullopt};
        }
        if (from.idle_table != 0) {
            freed.bytes -= slot_bytes; // the table takes it until it is dropped
            waste_ += slot_bytes;
        }
        asking.kept += freed;
        from.kept += usage{} -= freed;
        bool const emptied = from.users == 0 && from.kept.entries == 0;
        return {freed, emptied ? std::optional(from.scope) : std::nullopt};
    }

    std::size_t const max_entries_; ///< 0: any number
    std::size_t const max_bytes_;
    usage_sum kept_;                    ///< known only if there is a bound
    std::atomic<std::size_t> waste_{0}; ///< that idle partition_map count as beyond their entries
    std::atomic<partition*> only_{nullptr}; ///< the one there is; null if there are more
    mutable shared_mutex mutex_;
    hash_map<key128, partition> by_scope_;
    backend_statistics dropped_; ///< what was counted on partition_map that are gone
};

} // namespace memo::detail
