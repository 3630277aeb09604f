// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records in a directory: frames under the function's scope.

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
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

    bool put(key128 key, Record const& record, put_options about) const {
        if (store_->read_only()) {
            return false;
        }
        std::vector<std::byte> frame;
        if (!encode(frame, codec_.header(key, store_->now(), about.cost, about.ttl), record)) {
            return false;
        }
        return store_->write(
            [&](write_transaction const& write) {
                return about.valid() && store_->insert_frame(write, *function_, key, frame);
            },
            function_);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        std::optional<Record> stored;
        if (store_->read_only()) {
            return stored;
        }
        bool const done = store_->write(
            [&](write_transaction const& write) {
                auto const before = stored_in(write, key);
                auto const header =
                    codec_.merged_header(before, key, store_->now(), about.cost, about.ttl);
                stored.emplace(merge(before.record()));
                std::vector<std::byte> frame;
                return encode(frame, header, *stored) && about.valid() &&
                       store_->insert_frame(write, *function_, key, frame);
            },
            function_);
        if (!done) {
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
            drop_function(*store_, function_->scope);
        }
    }

    /// Entries and bytes are those of all processes, counted up to 4096 and estimated beyond, to
    /// some 2 percent of all; the rest is what this process saw.
    [[nodiscard]] backend_statistics stats() const {
        return disk_store::with_size(disk_store::events(*function_), function_->errors,
                                     [&] { return size_of_function(*store_, function_->scope); });
    }
    [[nodiscard]] backend_statistics events() const { return disk_store::events(*function_); }

    /// Waits until no other process computes what has this key, or for as long as `max_wait`, and
    /// keeps others from it for as long as what it gives lives.
    [[nodiscard]] disk_flight lead(key128 key) const {
        return {store_->opened(), function_->scope, key, store_->max_wait()};
    }

    /// The same without waiting: nothing if another process computes it.
    [[nodiscard]] std::optional<disk_flight> try_lead(key128 key) const {
        return disk_flight::if_free(store_->opened(), function_->scope, key);
    }

  private:
    /// is_use          whether a record counts as used, and damage is counted
    [[nodiscard]] lookup_result<Record> look_up(key128 key, bool is_use) const {
        bytes_copy frame;
        std::optional<Record> large;
        auto const decode = [&](bytes_view lying) {
            if constexpr (plain_record<Record>) {
                large = codec_.payload(lying);
            }
            return large.has_value();
        };
        frame_header header;
        auto const stored =
            store_->read(*function_, key, codec_.type(), header, frame, decode, is_use);
        if (stored != stored_bytes::whole) {
            return stored == stored_bytes::none ? function_->absence.load(std::memory_order_relaxed)
                                                : miss_reason::corrupt;
        }
        auto const left = store_->left(header);
        if (!left) [[unlikely]] {
            drop_old(key);
            return miss_reason::expired;
        }
        if (!frame.get().empty()) [[likely]] {
            large = codec_.payload(frame.get());
            if (!large && is_use) { // as corrupt as a wrong checksum
                function_->corrupt.fetch_add(1, std::memory_order_relaxed);
            }
        }
        if (!large) {
            return miss_reason::corrupt;
        }
        return cached_value_of(*std::move(large), header, *left);
    }

    /// The record of a key within a write. The lookup before it has counted damage.
    [[nodiscard]] frame_contents<Record> stored_in(write_transaction const& write,
                                                   key128 key) const {
        auto const found = write.find(place_of(function_->scope, key));
        if (!found) {
            return {};
        }
        bytes_copy frame;
        frame.assign(*found);
        return codec_.decode(frame.get(), key,
                             [&](frame_header const& header) { return store_->left(header); });
    }

    // False, and counted, if it is too large.
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header const& header,
                              Record const& record) const {
        if (codec_.encode(frame, header, record)) {
            return true;
        }
        function_->too_large.fetch_add(1, std::memory_order_relaxed);
        return false;
    }

    [[gnu::noinline]] void drop_old(key128 key) const {
        if (store_->read_only()) {
            return;
        }
        auto const place = place_of(function_->scope, key);
        auto const drop = [&](write_transaction const& write) {
            auto const frame = write.find(place);
            auto const header = frame ? header_of(*frame) : std::nullopt;
            return header && store_->is_old(*header) && write.remove(place);
        };
        try {
            if (store_->write(drop, nullptr, false)) {
                function_->expirations.fetch_add(1, std::memory_order_relaxed);
            }
        } catch (disk_error const& failure) {
            if (failure.code() !=
                ETIMEDOUT) { // else the next look drops it: this one waits for nobody
                throw;
            }
        }
    }

    std::shared_ptr<disk_store> store_;
    disk_function* function_;
    frame_codec<Record> codec_;
};

} // namespace memo::detail
