// SPDX-License-Identifier: BSL-1.0
#pragma once

// The partitions of one memory store, their usage, and the choice of the partition that loses an
// entry when a bound is reached.
//
// A partition without users is idle: its entries stay for the next wrapper of the function, and it
// is removed once it is empty. The table of an idle partition does not shrink with its entries;
// even one entry occupies some 26 KiB. So under a bound in bytes an idle partition is charged for
// its table. If idle tables waste too much, their entries are evicted before those of functions in
// use.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/key_map.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/partition.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

namespace memo::detail {

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
        by_scope_.for_each([&](partition& each) {
            clear(each);
            return true;
        });
    }

    [[nodiscard]] bool bounded() const noexcept { return max_entries_ != 0 || max_bytes_ != 0; }

    /// The partition of a scope. Increments its users.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    [[nodiscard]] partition& open(key128 scope) {
        std::scoped_lock const lock(mutex_);
        partition* opened = by_scope_.find(scope);
        if (opened == nullptr) {
            opened = &by_scope_.add(scope, scope, bounded());
            single_.store(by_scope_.size() == 1 ? opened : nullptr, std::memory_order_release);
        }
        charge_table(*opened, 0);
        ++opened->users;
        return *opened;
    }

    /// Decrements the users of a partition.
    void close(partition& target) noexcept {
        std::scoped_lock const lock(mutex_);
        if (--target.users > 0) {
            return;
        }
        std::size_t const entries = target.used.entries;
        if (entries == 0) {
            remove_empty(target);
        } else if (max_bytes_ != 0) {
            charge_table(target, (std::max)(min_table_bytes, entries * slot_bytes));
        }
    }

    /// Removes all entries of a partition.
    void clear(partition& target) noexcept {
        target.entries.clear([&](slot_value value) { release(target, value); });
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

    /// The change of usage if `now` replaces `before`; either may be empty.
    [[nodiscard]] weight weight_of(slot_value now, slot_value before) const noexcept {
        weight difference = weight_of(now);
        return difference -= weight_of(before);
    }

    void charge(partition& target, weight more) noexcept {
        target.used += more;
        if (bounded()) {
            used_ += more;
        }
    }

    /// Subtracts a value that was removed from the table from the usage, and retires it.
    void release(partition& target, slot_value value) noexcept {
        charge(target, weight_of({}, value));
        retire(value);
    }

    /// Evicts an entry to make room for a key of `requester`.
    ///
    /// Returns:        its weight, which moves to the usage of `requester` and stays in the total:
    ///                 most insertions into a full store change neither sum. Empty if there is no entry
    // The key also serves as random bits that choose the partition.
    [[nodiscard]] weight evict_one(partition& requester, key128 key) noexcept {
        if (single_.load(std::memory_order_acquire) == &requester) {
            return evict_from(requester, requester, key).freed;
        }
        eviction result;
        {
            std::shared_lock const lock(mutex_);
            if (waste_ > max_bytes_ / max_waste_share) {
                result = evict_by_share(requester, key, waste_, waste_of);
            } else {
                result = evict_by_share(requester, key, used_.entries, entries_of);
            }
        }
        if (result.emptied) {
            std::scoped_lock const lock(mutex_);
            partition* const empty = by_scope_.find(result.scope);
            if (empty != nullptr && empty->users == 0 && empty->used.entries == 0) {
                remove_empty(*empty);
            } // else another thread removed or opened it
        }
        return result.freed;
    }

    [[nodiscard]] static backend_statistics stats(partition const& target) {
        backend_statistics sum;
        sum.entries = target.used.entries;
        sum.bytes = target.used.bytes;
        sum.evictions = target.entries.evictions();
        sum.expirations = target.expirations;
        sum.too_large = target.too_large;
        return sum;
    }

    [[nodiscard]] backend_statistics stats() const {
        std::shared_lock const lock(mutex_);
        backend_statistics sum = of_removed_;
        by_scope_.for_each([&](partition const& each) {
            sum += stats(each);
            return true;
        });
        return sum;
    }

  private:
    /// The bytes of a table with one segment: measured.
    static constexpr std::size_t min_table_bytes = std::size_t{26} * 1024;

    /// If idle tables waste more than 1 / max_waste_share of the bound, their entries are evicted
    /// first.
    static constexpr std::size_t max_waste_share = 8;

    [[nodiscard]] weight weight_of(slot_value value) const noexcept {
        if (!value.exists()) {
            return {};
        }
        return {1, bytes_of(value) + (bounded() ? s3_fifo::bytes_per_entry : 0)};
    }

    /// Bytes charged for an idle partition beyond its entries; 0 if it is in use.
    [[nodiscard]] static std::size_t waste_of(partition const& target) noexcept {
        return target.idle_table != 0 ? target.idle_table - target.used.entries * slot_bytes : 0;
    }

    [[nodiscard]] static std::size_t entries_of(partition const& target) noexcept {
        return target.used.entries;
    }

    /// Charges a partition for the bytes of its table; 0: for its entries only. Callers hold the
    /// lock.
    void charge_table(partition& target, std::size_t bytes) noexcept {
        std::size_t const before = waste_of(target);
        target.idle_table = bytes;
        std::size_t const more = waste_of(target) - before; // modulo 2^64
        charge(target, {0, more});
        waste_ += more;
    }

    /// Removes a partition without users and entries. Callers hold the lock.
    void remove_empty(partition& empty) noexcept {
        charge_table(empty, 0);
        of_removed_ += stats(empty);
        by_scope_.erase(key128(empty.scope));
        partition* first = nullptr;
        by_scope_.for_each([&](partition& each) {
            first = &each;
            return false;
        });
        single_.store(by_scope_.size() == 1 ? first : nullptr, std::memory_order_release);
    }

    struct eviction {
        weight freed;         ///< empty if there was no entry
        bool emptied = false; ///< whether an idle partition lost its last entry
        key128 scope{};       ///< of that partition
    };

    /// Evicts from a partition that is drawn with a probability proportional to its share; from any
    /// other one if it has no entries.
    template <class ShareOf>
    eviction evict_by_share(partition& requester, key128 key, std::size_t sum,
                            ShareOf share_of) noexcept {
        std::size_t offset = key.high % std::max<std::size_t>(sum, 1);
        partition* from = nullptr;
        by_scope_.for_each([&](partition& each) {
            std::size_t const share = share_of(each);
            if (offset < share) {
                from = &each;
                return false;
            }
            offset -= share;
            return true;
        });
        eviction result;
        if (from != nullptr) {
            result = evict_from(*from, requester, key);
        }
        if (result.freed.entries == 0) {
            by_scope_.for_each([&](partition& each) {
                result = evict_from(each, requester, key);
                return result.freed.entries == 0;
            });
        }
        return result;
    }

    eviction evict_from(partition& from, partition& requester, key128 key) noexcept {
        auto const value = from.entries.evict(key);
        if (!value.exists()) {
            return {};
        }
        weight freed = weight_of(value);
        retire(value);
        if (&from == &requester) {
            return {freed};
        }
        if (from.idle_table != 0) {
            freed.bytes -= slot_bytes; // still charged for the table
            waste_ += slot_bytes;
        }
        requester.used += freed;
        from.used += weight{} -= freed;
        bool const is_empty = from.users == 0 && from.used.entries == 0;
        return {freed, is_empty, from.scope};
    }

    std::size_t const max_entries_; ///< 0: unbounded
    std::size_t const max_bytes_;
    usage used_;                              ///< of all partitions; only if bounded
    std::atomic<std::size_t> waste_{0};       ///< the sum of waste_of()
    std::atomic<partition*> single_{nullptr}; ///< null unless there is exactly one partition
    mutable shared_mutex mutex_;
    key_map<partition> by_scope_;
    backend_statistics of_removed_; ///< the counters of removed partitions
};

} // namespace memo::detail
