// SPDX-License-Identifier: BSL-1.0
#pragma once

// The records of one function in a memory store, with their own type and without serialization.

#include <memo/backend.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/partition.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/stats/cost.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace memo::detail {

class memory_store;

/// A lookup_result without the type of the record.
struct untyped_lookup {
    slot_value value{}; ///< empty: a miss
    std::chrono::nanoseconds remaining_ttl{0};
    miss_reason reason = miss_reason::absent;
};

/// A counted reference to a function's partition, which all wrappers of the function share, and to
/// its store. The entries outlive the handle. Does not depend on the record type.
class partition_handle {
  public:
    partition_handle(std::shared_ptr<memory_store> store, key128 scope);
    partition_handle(partition_handle const& other);
    partition_handle& operator=(partition_handle other) noexcept;
    ~partition_handle();

    [[nodiscard]] table const& entries() const noexcept { return partition_->entries; }

    /// The result of a lookup that found a value, or an empty one. Callers hold a read section that
    /// began before that.
    ///
    /// is_use          whether an expired record is erased and counted
    [[nodiscard]] untyped_lookup result_of(key128 key, slot_value found, bool is_use) const;

    /// Looks up a record that fits a word: the result is never a block.
    [[nodiscard]] untyped_lookup find_word(unfinalized_key key, bool is_use) const;

    /// Looks up all keys. Prefetches their buckets, so that the cache misses overlap. Callers hold a
    /// read section.
    void find_many(std::span<key128 const> keys, untyped_lookup* results) const;

    /// The time at which a record that is stored now expires, in ns of the store's clock; 0: never.
    [[nodiscard]] std::int64_t expiry(put_options const& options) const;

    bool put(key128 key, slot_value value, put_options const& options) const;

    /// make            make(current value, expiry of the new one) returns the new value; the current
    ///                 value is empty if there is none or it has expired
    bool update(key128 key, function_ref<slot_value(slot_value, std::int64_t)> make,
                put_options const& options) const;

    [[nodiscard]] bool erase(key128 key) const;
    void clear() const;
    [[nodiscard]] backend_statistics stats() const;

  private:
    void erase_expired(key128 key) const;

    std::shared_ptr<memory_store> store_;
    partition* partition_;
};

/// Checks that the calling module may use a store: all users of a store must share a reclaimer.
///
/// Throws:         memo::error (configuration) if the module's reclaimer is another one
[[gnu::visibility("hidden")]] void require_same_reclaimer(memory_store const& store);

/// The records of one function.
///
/// Thread safety:  safe; hits take no lock
template <class Record> class memory_partition {
  public:
    static constexpr bool validates = true;

    memory_partition(std::shared_ptr<memory_store> store, key128 scope)
        : partition_(std::move(store), scope) {}

    /// Complexity:     O(1), no lock, no allocation but the record's own copy
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return get(unfinalized_key(key)); }
    [[nodiscard]] lookup_result<Record> get(unfinalized_key key) const {
        if constexpr (fits_word<Record>) {
            return typed(partition_.find_word(key, true));
        } else {
            read_section const reading; // for the block
            slot_value found;
            if (partition_.entries().template try_find<false>(key, found) !=
                bucket::probe_result::hit) [[unlikely]] {
                found = partition_.entries().find(key);
            }
            if (!found.exists()) {
                return miss_reason::absent;
            }
            std::chrono::nanoseconds remaining_ttl{0};
            if (header_of(found).expires != 0) [[unlikely]] {
                auto const checked = partition_.result_of(key, found, true);
                if (!checked.value.exists()) {
                    return checked.reason;
                }
                remaining_ttl = checked.remaining_ttl;
            }
            return cached_value<Record>{record_of<Record>(found), cost_of(found.cost),
                                        remaining_ttl};
        }
    }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const {
        if constexpr (fits_word<Record>) {
            return typed(partition_.find_word(unfinalized_key(key), false));
        } else {
            read_section const reading;
            return typed(partition_.result_of(key, partition_.entries().find(key, false), false));
        }
    }

    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline fast_lookup<Record>
    try_hit(unfinalized_key key) const noexcept requires fits_word<Record> {
        slot_value value;
        auto const result = partition_.entries().template try_find<true>(key, value);
        if (result == bucket::probe_result::hit) [[likely]] {
            return {record_of_word<Record>(value.word), value.cost, false};
        }
        return {std::nullopt, 0, result == bucket::probe_result::absent};
    }

    [[nodiscard]] fast_lookup<Record>
    try_hit_further(unfinalized_key key) const noexcept requires fits_word<Record> {
        slot_value value;
        if (partition_.entries().template try_find_further<true>(key, value)) {
            return {record_of_word<Record>(value.word), value.cost, false};
        }
        return {};
    }

    void prefetch(unfinalized_key key) const noexcept requires fits_word<Record> {
        partition_.entries().prefetch(key);
    }

    /// get() of many keys.
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> results) const {
        std::array<untyped_lookup, 32> found; // more than a core fetches at once
        for (std::size_t first = 0; first < keys.size(); first += found.size()) {
            std::size_t const remaining = keys.size() - first;
            std::size_t const count = remaining < found.size() ? remaining : found.size();
            read_section const reading;
            partition_.find_many(keys.subspan(first, count), found.data());
            for (std::size_t i = 0; i < count; ++i) {
                results[first + i] = typed(found[i]);
            }
        }
    }

    bool put(key128 key, Record const& record, put_options options) const {
        return partition_.put(key, slot_value_of(record, partition_.expiry(options)), options);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
        std::optional<Record> stored;
        auto const merged = [&](slot_value current, std::int64_t expires) {
            if (current.exists()) {
                auto const before = record_of<Record>(current);
                stored = merge(&before);
            } else {
                stored = merge(nullptr);
            }
            return slot_value_of(*stored, expires);
        };
        if (!partition_.update(key, merged, options)) {
            stored.reset();
        }
        return stored;
    }

    [[nodiscard]] bool erase(key128 key) const { return partition_.erase(key); }
    void clear() const { partition_.clear(); }
    [[nodiscard]] backend_statistics stats() const { return partition_.stats(); }

  private:
    /// Callers hold a read section if the value is a block.
    [[nodiscard]] static lookup_result<Record> typed(untyped_lookup const& found) {
        if (!found.value.exists()) {
            return found.reason;
        }
        return cached_value<Record>{record_of<Record>(found.value), cost_of(found.value.cost),
                                    found.remaining_ttl};
    }

    partition_handle partition_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "memory_partition.ipp"
#endif
