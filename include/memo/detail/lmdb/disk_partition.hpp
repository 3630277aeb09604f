// SPDX-License-Identifier: BSL-1.0
#pragma once

// The records of one function in a directory, stored as frames.

#include <memo/backend.hpp>
#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/lmdb/disk_records.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/key128.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace memo::detail {

/// The records of one function.
///
/// Thread safety:  safe; a hit takes no lock
template <class Record> class disk_partition {
  public:
    static constexpr bool validates = true;

    disk_partition(std::shared_ptr<disk_store> store, key128 scope)
        : records_(std::move(store), scope), codec_(scope) {}

    /// Complexity:     O(log entries), no lock
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return lookup(key, true); }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return lookup(key, false); }

    bool put(key128 key, Record const& record, put_options options) const {
        if (records_.read_only()) {
            return false;
        }
        std::vector<std::byte> frame;
        return encode(frame, codec_.header(key, records_.now(), options.cost, options.ttl),
                      record) &&
               records_.put(key, frame, options.valid);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
        std::optional<Record> stored;
        if (records_.read_only()) {
            return stored;
        }
        auto const compose = [&](std::span<std::byte const> bytes, std::vector<std::byte>& frame) {
            auto const old = stored_in(bytes, key);
            auto const header =
                codec_.merged_header(old, key, records_.now(), options.cost, options.ttl);
            stored.emplace(merge(old.record()));
            if constexpr (is_merged(kind_of_record<Record>)) {
                if (stored->incarnation == 0) { // see sources.hpp
                    stored->incarnation = random_incarnation();
                }
            }
            // New samples do not change those of other caches that the record has.
            auto const sources = old.result ? sources_of(bytes) : std::span<std::byte const>();
            return encode(frame, header, *stored, sources);
        };
        if (!records_.update(key, options.valid, compose)) {
            stored.reset();
        }
        return stored;
    }

    [[nodiscard]] bool erase(key128 key) const {
        return !records_.read_only() && records_.erase(key);
    }

    void clear() const {
        if (!records_.read_only()) {
            records_.clear();
        }
    }

    /// Entries and bytes are those of all processes, counted up to 4096 records and estimated
    /// beyond, within some 2 percent of the total; the other counters are those of this process.
    [[nodiscard]] backend_statistics stats() const { return records_.stats(); }
    [[nodiscard]] backend_statistics events() const { return records_.events(); }

    /// Waits until no other process computes the key, at most for `max_wait`. Other processes wait
    /// while the returned flight lives.
    [[nodiscard]] disk_flight lead(key128 key) const { return records_.lead(key); }

    /// Like lead(), without waiting: nothing if another process computes the key.
    [[nodiscard]] std::optional<disk_flight> try_lead(key128 key) const {
        return records_.try_lead(key);
    }

  private:
    [[nodiscard]] lookup_result<Record> lookup(key128 key, bool is_use) const {
        std::optional<Record> record;
        auto const decode = [&](std::span<std::byte const> frame) {
            record = codec_.payload(frame);
            return record.has_value();
        };
        disk_records::entry_facts facts;
        if (auto const miss =
                records_.look_up(key, codec_.type(), plain_record<Record>, is_use, decode, facts)) {
            return *miss;
        }
        return cached_value_of(*std::move(record), facts.header, facts.ttl);
    }

    /// The old record of an update. The lookup before it has counted damage.
    [[nodiscard]] frame_contents<Record> stored_in(std::span<std::byte const> frame,
                                                   key128 key) const {
        if (frame.empty()) {
            return {};
        }
        return codec_.decode(
            frame, key, [&](frame_header const& header) { return records_.remaining_ttl(header); });
    }

    // Returns false, and counts, if the record is too large.
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header const& header,
                              Record const& record, std::span<std::byte const> sources = {}) const {
        if (codec_.encode(frame, header, record, sources)) {
            return true;
        }
        records_.count_too_large();
        return false;
    }

    disk_records records_;
    frame_codec<Record> codec_;
};

} // namespace memo::detail
