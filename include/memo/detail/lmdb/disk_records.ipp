// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/lmdb/disk_records.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/detail/lmdb/write_transaction.hpp>

#include <atomic>
#include <cerrno>
#include <utility>

namespace memo::detail {

MEMO_DISK_DEFINITION disk_records::disk_records(std::shared_ptr<disk_store> store, key128 scope)
    : store_(std::move(store)), function_(&store_->open(scope)) {}

MEMO_DISK_DEFINITION bool disk_records::read_only() const noexcept {
    return store_->read_only();
}

MEMO_DISK_DEFINITION unix_time disk_records::now() const {
    return store_->now();
}

MEMO_DISK_DEFINITION std::optional<std::chrono::nanoseconds>
disk_records::remaining_ttl(frame_header const& header) const {
    return store_->remaining_ttl(header);
}

MEMO_DISK_DEFINITION std::optional<miss_reason>
disk_records::look_up(key128 key, std::uint32_t type, bool in_place, bool is_use,
                      decode_frame decode, entry_facts& facts) const {
    byte_buffer frame;
    auto const decode_in_place = [&](bytes_view bytes) { return in_place && decode(bytes); };
    auto const stored =
        store_->read(*function_, key, type, facts.header, frame, decode_in_place, is_use);
    if (stored != stored_bytes::valid) {
        return stored == stored_bytes::absent ? function_->absence.load(std::memory_order_relaxed)
                                              : miss_reason::corrupt;
    }
    auto const ttl = store_->remaining_ttl(facts.header);
    if (!ttl) [[unlikely]] {
        if (is_use) {
            erase_expired(key);
        }
        return miss_reason::expired;
    }
    if (!frame.get().empty() && !decode(frame.get())) [[unlikely]] {
        if (is_use) { // counts like an invalid checksum
            function_->corrupt.fetch_add(1, std::memory_order_relaxed);
        }
        return miss_reason::corrupt;
    }
    facts.ttl = *ttl;
    return std::nullopt;
}

MEMO_DISK_DEFINITION bool disk_records::put(key128 key, std::span<std::byte const> frame,
                                            validity const& valid) const {
    unix_time const time = now(); // by the clock of the user, in the thread of the put
    auto const insert = [&](write_transaction const& write) {
        return valid() && store_->insert_frame(write, *function_, key, frame, time);
    };
    constexpr std::size_t max_combined = std::size_t{64} << 10U; // a larger one gains nothing
    return frame.size() <= max_combined ? store_->put(insert, *function_)
                                        : store_->write(insert, function_);
}

MEMO_DISK_DEFINITION bool disk_records::update(
    key128 key, validity const& valid,
    function_ref<bool(std::span<std::byte const>, std::vector<std::byte>&)> compose) const {
    return store_->write(
        [&](write_transaction const& write) {
            byte_buffer old; // the insertion moves the original
            if (auto const found = write.find(place_of(function_->scope, key))) {
                old.assign(*found);
            }
            std::vector<std::byte> frame;
            return compose(old.get(), frame) && valid() &&
                   store_->insert_frame(write, *function_, key, frame, now());
        },
        function_);
}

MEMO_DISK_DEFINITION bool disk_records::erase(key128 key) const {
    return store_->write(
        [&](write_transaction const& write) {
            return write.remove(place_of(function_->scope, key));
        },
        function_);
}

MEMO_DISK_DEFINITION void disk_records::clear() const {
    // Waits for a put of this process that is valid but not committed: the scan would miss its record.
    store_->write([](write_transaction const&) { return true; }, function_);
    erase_function(*store_, function_->scope);
}

MEMO_DISK_DEFINITION void disk_records::count_too_large() const noexcept {
    function_->too_large.fetch_add(1, std::memory_order_relaxed);
}

MEMO_DISK_DEFINITION backend_statistics disk_records::stats() const {
    return disk_store::with_size(disk_store::counters(*function_), function_->errors,
                                 [&] { return size_of_function(*store_, function_->scope); });
}

MEMO_DISK_DEFINITION backend_statistics disk_records::events() const {
    return disk_store::counters(*function_);
}

MEMO_DISK_DEFINITION disk_flight disk_records::lead(key128 key) const {
    return {store_->try_current(), function_->scope, key, store_->max_wait()};
}

MEMO_DISK_DEFINITION std::optional<disk_flight> disk_records::try_lead(key128 key) const {
    return disk_flight::try_acquire(store_->try_current(), function_->scope, key);
}

[[gnu::noinline]] MEMO_DISK_DEFINITION void disk_records::erase_expired(key128 key) const {
    if (store_->read_only()) {
        return;
    }
    auto const place = place_of(function_->scope, key);
    auto const erase = [&](write_transaction const& write) {
        auto const frame = write.find(place);
        auto const header = frame ? header_of(*frame) : std::nullopt;
        return header && store_->is_expired(*header) && write.remove(place);
    };
    try {
        if (store_->write(erase, nullptr, false)) {
            function_->expirations.fetch_add(1, std::memory_order_relaxed);
        }
    } catch (disk_error const& failure) {
        if (failure.code() != ETIMEDOUT) { // does not wait: a later lookup erases it
            throw;
        }
    }
}

} // namespace memo::detail
