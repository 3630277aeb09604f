// SPDX-License-Identifier: BSL-1.0
#pragma once

// The records of one function in a memory store, with their own type and without serialization.

#include <memo/backend.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/memory_store.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/stats/cost.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

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
            // Words need no read section, which would be a large part of a hit's time.
            if (auto const found = partition_->entries.find(key); !found.is_block()) {
                return found.exists() ? cached_value_of(found, {}) : miss_reason::absent;
            }
        }
        read_section const reading; // for the block
        return find(key);
    }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const {
        read_section const reading;
        return result_of<false>(key, partition_->entries.find(key, false));
    }

    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline fast_lookup<Record>
    try_hit(unfinalized_key key) const noexcept requires fits_word<Record> {
        slot_value value;
        auto const result = partition_->entries.try_find<true>(key, value);
        if (result == bucket::probe_result::hit) [[likely]] {
            return {record_of<Record>(value), value.cost, false};
        }
        return {std::nullopt, 0, result == bucket::probe_result::absent};
    }

    [[nodiscard]] fast_lookup<Record>
    try_hit_further(unfinalized_key key) const noexcept requires fits_word<Record> {
        slot_value value;
        if (partition_->entries.try_find_further<true>(key, value)) {
            return {record_of<Record>(value), value.cost, false};
        }
        return {};
    }

    /// get() of many keys. Prefetches their buckets, so that the cache misses overlap.
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> results) const {
        constexpr std::size_t batch = 32; // more than a core fetches at once
        for (std::size_t first = 0; first < keys.size(); first += batch) {
            std::size_t const last = (std::min)(first + batch, keys.size());
            read_section const reading;
            for (std::size_t i = first; i < last; ++i) {
                partition_->entries.prefetch(keys[i]);
            }
            for (std::size_t i = first; i < last; ++i) {
                results[i] = find(unfinalized_key(keys[i]));
            }
        }
    }

    bool put(key128 key, Record const& record, put_options options) const {
        auto const cost = cost_byte(static_cast<std::uint64_t>(options.cost.count()));
        return partition_.store().put(*partition_, key,
                                      slot_value_of(record, cost, expiry(options)), options.valid);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
        auto const cost = cost_byte(static_cast<std::uint64_t>(options.cost.count()));
        std::optional<Record> stored;
        auto const merged = [&](slot_value old) {
            std::int64_t expires = old.is_block() ? header_of(old).expires : 0;
            if (!old.exists() || expired(expires)) {
                stored = merge(nullptr);
                expires = expiry(options);
            } else {
                auto const before = record_of<Record>(old);
                stored = merge(&before);
            }
            return slot_value_of(*stored, cost, expires);
        };
        if (!partition_.store().update(*partition_, key, merged, options.valid)) {
            stored.reset();
        }
        return stored;
    }

    [[nodiscard]] bool erase(key128 key) const {
        return partition_.store().erase_if(*partition_, key, [](slot_value) { return true; });
    }

    void clear() const { partition_.store().clear(*partition_); }

    [[nodiscard]] backend_statistics stats() const { return memory_store::stats(*partition_); }

  private:
    /// Callers hold a read section.
    [[nodiscard, gnu::always_inline]] inline lookup_result<Record> find(unfinalized_key key) const {
        slot_value found;
        if (partition_->entries.try_find<fits_word<Record>>(key, found) !=
            bucket::probe_result::hit) [[unlikely]] {
            found = partition_->entries.find(key);
        }
        return result_of<true>(key, found);
    }

    /// Callers hold a read section that began before the value was found.
    ///
    /// IsUse           whether an expired record is erased and counted
    template <bool IsUse>
    [[nodiscard, gnu::always_inline]] inline lookup_result<Record>
    result_of(key128 key, slot_value found) const {
        if (!found.exists()) {
            return miss_reason::absent;
        }
        std::chrono::nanoseconds remaining_ttl{0};
        if (found.is_block() && header_of(found).expires != 0) {
            remaining_ttl =
                std::chrono::nanoseconds(header_of(found).expires - partition_.store().now());
            if (remaining_ttl.count() <= 0) {
                if constexpr (IsUse) {
                    erase_expired(key);
                }
                return miss_reason::expired;
            }
        }
        return cached_value_of(found, remaining_ttl);
    }

    [[nodiscard, gnu::always_inline]] static inline lookup_result<Record>
    cached_value_of(slot_value found, std::chrono::nanoseconds remaining_ttl) {
        return cached_value<Record>{record_of<Record>(found), cost_of(found.cost), remaining_ttl};
    }

    [[nodiscard]] std::int64_t expiry(put_options options) const {
        return options.ttl.count() == 0 ? 0 : partition_.store().after(options.ttl);
    }

    [[nodiscard]] bool expired(std::int64_t expires) const {
        return expires != 0 && partition_.store().now() >= expires;
    }

    [[gnu::noinline]] void erase_expired(key128 key) const {
        std::int64_t const now = partition_.store().now(); // user code: not under a lock
        bool const erased = partition_.store().erase_if(*partition_, key, [&](slot_value value) {
            std::int64_t const expires = value.is_block() ? header_of(value).expires : 0;
            return expires != 0 && now >= expires;
        });
        if (erased) {
            partition_->expirations.fetch_add(1, std::memory_order_relaxed);
        }
    }

    partition_handle partition_;
};

} // namespace memo::detail
