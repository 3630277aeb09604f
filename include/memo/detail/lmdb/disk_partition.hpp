// SPDX-License-Identifier: BSL-1.0
#pragma once

// The records of one function in a directory, stored as frames.

#include <memo/backend.hpp>
#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

/// The records of one function.
///
/// Thread safety:  safe; a hit takes no lock
template <class Record> class disk_partition {
  public:
    static constexpr bool validates = true;

    disk_partition(std::shared_ptr<disk_store> store, disk_function& function)
        : store_(std::move(store)), function_(&function), codec_(function.scope) {}

    /// Complexity:     O(log entries), no lock
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return lookup(key, true); }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return lookup(key, false); }

    bool put(key128 key, Record const& record, put_options options) const {
        if (store_->read_only()) {
            return false;
        }
        std::vector<std::byte> frame;
        if (!encode(frame, codec_.header(key, store_->now(), options.cost, options.ttl), record)) {
            return false;
        }
        return store_->write(
            [&](write_transaction const& write) {
                return options.valid() && store_->insert_frame(write, *function_, key, frame);
            },
            function_);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
        std::optional<Record> stored;
        if (store_->read_only()) {
            return stored;
        }
        bool const is_stored = store_->write(
            [&](write_transaction const& write) {
                auto const old = stored_in(write, key);
                auto const header =
                    codec_.merged_header(old, key, store_->now(), options.cost, options.ttl);
                stored.emplace(merge(old.record()));
                std::vector<std::byte> frame;
                return encode(frame, header, *stored) && options.valid() &&
                       store_->insert_frame(write, *function_, key, frame);
            },
            function_);
        if (!is_stored) {
            stored.reset();
        }
        return stored;
    }

    [[nodiscard]] bool erase(key128 key) const {
        return !store_->read_only() && store_->write(
                                           [&](write_transaction const& write) {
                                               return write.remove(place_of(function_->scope, key));
                                           },
                                           function_);
    }

    void clear() const {
        if (!store_->read_only()) {
            erase_function(*store_, function_->scope);
        }
    }

    /// Entries and bytes are those of all processes, counted up to 4096 records and estimated
    /// beyond, within some 2 percent of the total; the other counters are those of this process.
    [[nodiscard]] backend_statistics stats() const {
        return disk_store::with_size(disk_store::counters(*function_), function_->errors,
                                     [&] { return size_of_function(*store_, function_->scope); });
    }
    [[nodiscard]] backend_statistics events() const { return disk_store::counters(*function_); }

    /// Waits until no other process computes the key, at most for `max_wait`. Other processes wait
    /// while the returned flight lives.
    [[nodiscard]] disk_flight lead(key128 key) const {
        return {store_->try_current(), function_->scope, key, store_->max_wait()};
    }

    /// Like lead(), without waiting: nothing if another process computes the key.
    [[nodiscard]] std::optional<disk_flight> try_lead(key128 key) const {
        return disk_flight::try_acquire(store_->try_current(), function_->scope, key);
    }

  private:
    /// is_use          whether a record counts as used, damage is counted, and an expired record erased
    [[nodiscard]] lookup_result<Record> lookup(key128 key, bool is_use) const {
        byte_buffer frame;
        std::optional<Record> large;
        auto const decode = [&](bytes_view bytes) {
            if constexpr (plain_record<Record>) {
                large = codec_.payload(bytes);
            }
            return large.has_value();
        };
        frame_header header;
        auto const stored =
            store_->read(*function_, key, codec_.type(), header, frame, decode, is_use);
        if (stored != stored_bytes::valid) {
            return stored == stored_bytes::absent
                       ? function_->absence.load(std::memory_order_relaxed)
                       : miss_reason::corrupt;
        }
        auto const ttl = store_->remaining_ttl(header);
        if (!ttl) [[unlikely]] {
            if (is_use) {
                erase_expired(key);
            }
            return miss_reason::expired;
        }
        if (!frame.get().empty()) [[likely]] {
            large = codec_.payload(frame.get());
            if (!large && is_use) { // counts like an invalid checksum
                function_->corrupt.fetch_add(1, std::memory_order_relaxed);
            }
        }
        if (!large) {
            return miss_reason::corrupt;
        }
        return cached_value_of(*std::move(large), header, *ttl);
    }

    /// The record of a key within a write. The lookup before it has counted damage.
    [[nodiscard]] frame_contents<Record> stored_in(write_transaction const& write,
                                                   key128 key) const {
        auto const found = write.find(place_of(function_->scope, key));
        if (!found) {
            return {};
        }
        byte_buffer frame;
        frame.assign(*found);
        return codec_.decode(frame.get(), key, [&](frame_header const& header) {
            return store_->remaining_ttl(header);
        });
    }

    // Returns false, and counts, if the record is too large.
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header const& header,
                              Record const& record) const {
        if (codec_.encode(frame, header, record)) {
            return true;
        }
        function_->too_large.fetch_add(1, std::memory_order_relaxed);
        return false;
    }

    [[gnu::noinline]] void erase_expired(key128 key) const {
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

    std::shared_ptr<disk_store> store_;
    disk_function* function_;
    frame_codec<Record> codec_;
};

} // namespace memo::detail
