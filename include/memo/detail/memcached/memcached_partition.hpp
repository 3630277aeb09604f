// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records on memcached's servers.

#include <memo/backend.hpp>
#include <memo/detail/byte_store/item_codec.hpp>
#include <memo/detail/memcached/memcached_records.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

/// The entries of one function.
///
/// Thread safety:  safe
template <class Connection, class Record> class memcached_partition {
    using records_type = memcached_records<Connection>;
    using lease_type = typename records_type::lease_type;

  public:
    memcached_partition(std::shared_ptr<memcached_store<Connection>> store, key128 digest,
                        on_error_policy on_error)
        : records_(std::move(store), digest, on_error),
          codec_(records_.settings(), records_.counters(), digest) {}

    /// Complexity:     one round trip; one more in a second for the function's generation
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

    /// Counts neither damage nor expiry. The server's order of eviction counts it as a use.
    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

    /// The same for many keys.
    ///
    /// Complexity:     a round trip for 64 keys of one server, by its own operation_timeout
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> results) const {
        records_.look_up_all(
            keys,
            [&](std::size_t i, std::span<std::byte const> frame) {
                results[i] = codec_.decode(frame, keys[i], true).result;
            },
            [&](std::size_t i) {
                if (!results[i] && results[i].reason() == miss_reason::absent) {
                    results[i] = miss_reason::unavailable;
                }
            });
    }

    /// Complexity:     one round trip
    bool put(key128 key, Record const& record, put_options about) const {
        return records_.put(key, [&] { return codec_.encode(key, record, about); });
    }

    /// Complexity:     two round trips, and two more after each concurrent update
    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        frame_contents<Record> before;
        std::optional<Record> next;
        auto const decode = [&](std::span<std::byte const> frame) {
            before = codec_.decode(frame, key, false);
        };
        auto const compose = [&] {
            auto const contents = std::exchange(before, {});
            next.emplace(merge(contents.record()));
            return codec_.encode(key, *next, about, contents);
        };
        if (!records_.update(key, decode, compose)) {
            next.reset();
        }
        return next;
    }

    [[nodiscard]] bool erase(key128 key) const { return records_.erase(key); }

    /// Other processes may serve the records for up to a second. An unreachable server gets the pending
    /// clear before this process uses it again.
    void clear() const { records_.clear(); }

    /// `entries` and `bytes` are 0: a server does not know what belongs to whom.
    [[nodiscard]] backend_statistics stats() const { return records_.stats(); }

    /// Waits while another process holds the lease of this key, until the record is stored or the lease is
    /// free, and takes it then. Moments have no lease: all processes draw samples.
    [[nodiscard]] lease_type lead(key128 key) const {
        if constexpr (is_merged(kind_of_record<Record>)) {
            return {};
        } else {
            return records_.lead(key, [&](std::span<std::byte const> frame) {
                return codec_.decode(frame, key, false).result.has_value();
            });
        }
    }

    /// The same without waiting: nothing if another process holds the lease.
    [[nodiscard]] std::optional<lease_type> try_lead(key128 key) const {
        return records_.try_lead(key);
    }

  private:
    /// counts          false if a lookup of the same call has counted damage and expiry
    [[nodiscard]] lookup_result<Record> look_up(key128 key, bool counts) const {
        frame_contents<Record> contents;
        auto const decode = [&](std::span<std::byte const> frame) {
            contents = codec_.decode(frame, key, counts);
        };
        if (auto const miss = records_.look_up(key, counts, decode)) {
            return *miss;
        }
        return std::move(contents.result);
    }

    records_type records_;
    item_codec<Record> codec_;
};

} // namespace memo::detail
