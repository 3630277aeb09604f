// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/memory_partition.hpp>
#include <memo/detail/memory/memory_store.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace memo::detail {

/// When a value expires, in ns of the store's clock; 0: never.
[[nodiscard]] MEMO_DEFINITION std::int64_t expiry_of(slot_value value) noexcept {
    return value.is_block() ? header_of(value).expires : 0;
}

MEMO_DEFINITION partition_handle::partition_handle(std::shared_ptr<memory_store> store,
                                                   key128 scope)
    : store_(std::move(store)), partition_(&store_->open(scope)) {}

MEMO_DEFINITION partition_handle::partition_handle(partition_handle const& other)
    : partition_handle(other.store_, other.partition_->scope) {}

MEMO_DEFINITION partition_handle& partition_handle::operator=(partition_handle other) noexcept {
    store_.swap(other.store_);
    std::swap(partition_, other.partition_);
    return *this;
}

MEMO_DEFINITION partition_handle::~partition_handle() {
    store_->close(*partition_);
}

MEMO_DEFINITION untyped_lookup partition_handle::result_of(key128 key, slot_value found,
                                                           bool is_use) const {
    untyped_lookup result{.value = found};
    if (std::int64_t const expires = expiry_of(found); expires != 0) {
        result.remaining_ttl = std::chrono::nanoseconds(expires - store_->now());
        if (result.remaining_ttl.count() <= 0) {
            if (is_use) {
                erase_expired(key);
            }
            return {.reason = miss_reason::expired};
        }
    }
    return result;
}

MEMO_DEFINITION untyped_lookup partition_handle::find_word(unfinalized_key key, bool is_use) const {
    // Words need no read section.
    if (auto const found = entries().find(key, is_use); !found.is_block()) {
        return {.value = found};
    }
    read_section const reading;
    auto result = result_of(key, entries().find(key, is_use), is_use);
    if (result.value.is_block()) {
        result.value.word = record_of<std::uint64_t>(result.value);
        result.value.kind = content::record;
    }
    return result;
}

MEMO_DEFINITION void partition_handle::find_many(std::span<key128 const> keys,
                                                 untyped_lookup* results) const {
    for (key128 const key : keys) {
        entries().prefetch(unfinalized_key(key));
    }
    for (key128 const key : keys) {
        slot_value found;
        if (entries().try_find<false>(unfinalized_key(key), found) != bucket::probe_result::hit)
            [[unlikely]] {
            found = entries().find(key);
        }
        *results++ = result_of(key, found, true);
    }
}

MEMO_DEFINITION std::int64_t partition_handle::expiry(put_options const& options) const {
    return options.ttl.count() == 0 ? 0 : store_->after(options.ttl);
}

MEMO_DEFINITION bool partition_handle::put(key128 key, slot_value value,
                                           put_options const& options) const {
    value.cost = cost_byte(static_cast<std::uint64_t>(options.cost.count()));
    return store_->put(*partition_, key, value, options.valid);
}

MEMO_DEFINITION bool
partition_handle::update(key128 key, function_ref<slot_value(slot_value, std::int64_t)> make,
                         put_options const& options) const {
    auto const cost = cost_byte(static_cast<std::uint64_t>(options.cost.count()));
    auto const make_with_cost = [&](slot_value current) {
        std::int64_t expires = expiry_of(current);
        if (!current.exists() || (expires != 0 && store_->now() >= expires)) {
            current = {};
            expires = expiry(options);
        }
        slot_value value = make(current, expires);
        value.cost = cost;
        return value;
    };
    return store_->update(*partition_, key, make_with_cost, options.valid);
}

MEMO_DEFINITION bool partition_handle::erase(key128 key) const {
    return store_->erase_if(*partition_, key, [](slot_value) { return true; });
}

MEMO_DEFINITION void partition_handle::clear() const {
    store_->clear(*partition_);
}

MEMO_DEFINITION backend_statistics partition_handle::stats() const {
    return memory_store::stats(*partition_);
}

MEMO_DEFINITION void partition_handle::erase_expired(key128 key) const {
    std::int64_t const now = store_->now(); // user code: not under a lock
    bool const erased = store_->erase_if(*partition_, key, [now](slot_value value) {
        std::int64_t const expires = expiry_of(value);
        return expires != 0 && now >= expires;
    });
    if (erased) {
        partition_->expirations.fetch_add(1, std::memory_order_relaxed);
    }
}

MEMO_DEFINITION void require_same_reclaimer(memory_store const& store) {
    if (&process_wide<reclaimer>() != &store.reclaimer_of_creator()) {
        throw error(errc::configuration,
                    "memo::memory: the module that created this store was built with another "
                    "version of memo or another ABI of the standard library. Build all modules "
                    "of the process alike, or create one store per module");
    }
}

} // namespace memo::detail
