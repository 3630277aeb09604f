// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records on memcached's servers. A failed lookup is a miss, a failed store stores nothing,
// and both are counted.

#include <memo/backend.hpp>
#include <memo/detail/backoff.hpp>
#include <memo/detail/byte_store/item_codec.hpp>
#include <memo/detail/byte_store/lease.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_lock.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace memo::detail {

/// The entries of one function.
///
/// Thread safety:  safe
template <wire_connection Connection, class Record> class memcached_partition {
    using store_type = memcached_store<Connection>;
    using lease_type = lease<memcached_lock<Connection>>;

  public:
    memcached_partition(std::shared_ptr<store_type> store, key128 digest, on_error_policy on_error)
        : store_(std::move(store)),
          scope_(&store_->scope(digest)),
          digest_(digest),
          codec_(store_->settings, scope_->counters, digest),
          troubles_(scope_->counters, store_->settings, on_error == on_error_policy::strict) {}

    /// Complexity:     one round trip; one more in a second for the function's generation
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

    /// Counts neither damage nor expiry. The server's order of eviction counts it as a use.
    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

    /// The same for many keys: those of one server together, 64 at a time.
    ///
    /// Complexity:     a round trip for 64 keys of one server, by its own operation_timeout
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> results) const {
        std::vector<std::vector<std::size_t>> of_server(store_->size());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            of_server[store_->server_of(keys[i])].push_back(i);
        }
        for (std::size_t server = 0; server < of_server.size(); ++server) {
            if (!of_server[server].empty()) {
                get_batches(server, keys, of_server[server], results);
            }
        }
    }

    /// Complexity:     one round trip
    bool put(key128 key, Record const& record, put_options about) const {
        if (take_failed_lookup(scope_->number, key)) {
            skip("put", key);
            return false;
        }
        std::optional<encoded_item> const item = codec_.encode(key, record, about);
        return item && ask("put", key,
                           [&](Connection& connection, item_name const& name, deadline const& by) {
                               return connection.set(name.text(), on_wire(*item), by);
                           });
    }

    /// Complexity:     two round trips, and two more after each concurrent update
    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        if (take_failed_lookup(scope_->number, key)) {
            skip("update", key);
            return std::nullopt;
        }
        auto visit = store_->visit(store_->server_of(key), *scope_);
        // Each conflict means that another update got through, so only time is bounded.
        backoff between(20 * std::chrono::nanoseconds(store_->settings.operation_timeout),
                        backoff::microseconds(0), backoff::microseconds(640));
        wire_code code = wire_code::conflict;
        do {
            server_response const before = load(visit, key, false);
            if (!is_answer(before.code)) {
                failed("update", key, before.code);
                return std::nullopt;
            }
            Record next = merge(before.contents.record());
            std::optional<encoded_item> const item =
                codec_.encode(key, next, about, before.contents);
            if (!item) {
                return std::nullopt;
            }
            code = visit.ask_once([&](Connection& connection, deadline const& by) {
                auto const name = scope_->names.record(key, before.generation);
                return before.code == wire_code::absent
                           ? connection.add(name.text(), on_wire(*item), by)
                           : connection.exchange(name.text(), on_wire(*item), before.token, by);
            });
            if (code == wire_code::done) {
                return next;
            }
            if (!is_answer(code)) {
                count_if_ambiguous(scope_->counters, code);
                break;
            }
            count_one(scope_->counters.conflicts);
        } while (between.wait());
        failed("update", key, is_answer(code) ? wire_code::conflict : code);
        return std::nullopt;
    }

    [[nodiscard]] bool erase(key128 key) const {
        return ask("erase", key,
                   [&](Connection& connection, item_name const& name, deadline const& by) {
                       return connection.erase(name.text(), by);
                   });
    }

    /// Other processes may serve the records for up to a second. An unreachable server gets the pending
    /// clear before this process uses it again.
    void clear() const {
        auto worst = wire_code::done;
        for (std::size_t server = 0; server < store_->size(); ++server) {
            scope_->request_clear(server);
            auto visit = store_->visit(server, *scope_);
            auto const code = visit.ask([](Connection&, std::uint64_t, deadline const&) {
                return wire_code::done; // no operation but the clear itself
            });
            worst = code == wire_code::done ? worst : code;
        }
        if (worst != wire_code::done) {
            failed("clear", digest_, worst);
        }
    }

    /// `entries` and `bytes` are 0: a server does not know what belongs to whom.
    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        add_to(sum, scope_->counters);
        return sum;
    }

    /// Waits while another process holds the lease of this key, until the record is stored or the lease is
    /// free, and takes it then. Moments have no lease: all processes draw samples.
    [[nodiscard]] lease_type lead(key128 key) const {
        constexpr bool is_merged = kind_of_record<Record> == record_kind::moments;
        if (is_merged || !may_lease(key)) {
            return {};
        }
        lease_type mine(memcached_lock(store_, *scope_, key));
        if (!mine.take().value_or(true)) {
            count_one(scope_->counters.lease_waits);
            std::chrono::nanoseconds const expiry = store_->settings.lease;
            // memcached counts in seconds.
            mine.wait(expiry + std::chrono::seconds(2), [&] { return is_stored(key); });
        }
        return mine;
    }

    /// The same without waiting: nothing if another process holds the lease.
    [[nodiscard]] std::optional<lease_type> try_lead(key128 key) const {
        if (!may_lease(key)) {
            return lease_type();
        }
        lease_type mine(memcached_lock(store_, *scope_, key));
        if (!mine.take().value_or(true)) {
            return std::nullopt;
        }
        return mine;
    }

  private:
    /// What a server returned for a key.
    struct server_response {
        wire_code code = wire_code::closed;
        std::uint64_t generation = 0; ///< of the item that was asked for
        std::uint64_t token = 0;
        frame_contents<Record> contents{};
    };

    /// Flags of the items that hold a frame.
    static constexpr std::uint32_t flags = frame_magic;

    [[nodiscard]] static wire_item on_wire(encoded_item const& item) {
        return {item.frame, flags, item.ttl.count() == 0 ? 0 : item_expiry(item.ttl)};
    }

    [[nodiscard]] frame_contents<Record> decode(wire_reply const& reply, key128 key,
                                                bool counts) const {
        bool const is_frame = reply.flags == flags;
        return codec_.decode(is_frame ? reply.value : std::span<std::byte const>(), key, counts);
    }

    /// counts          false if a lookup of the same call has counted damage and expiry
    template <class Visit>
    [[nodiscard]] server_response load(Visit& visit, key128 key, bool counts) const {
        server_response response{};
        response.code =
            visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
                auto const name = scope_->names.record(key, generation);
                auto const reply = connection.get(name.text(), by);
                if (reply.code == wire_code::done) {
                    response.token = reply.token;
                    response.contents = decode(reply, key, counts);
                }
                response.generation = generation;
                return reply.code;
            });
        return response;
    }

    [[nodiscard]] lookup_result<Record> look_up(key128 key, bool counts) const {
        if (lookup_failed(scope_->number, key, store_->settings.operation_timeout)) {
            skip("get", key);
            return miss_reason::unavailable;
        }
        auto visit = store_->visit(store_->server_of(key), *scope_);
        server_response response = load(visit, key, counts);
        if (response.code == wire_code::too_large) { // not an item of memo; a put replaces it
            if (counts) {
                count_one(scope_->counters.corrupt);
            }
            return miss_reason::corrupt;
        }
        if (!is_answer(response.code)) {
            remember_failed_lookup(scope_->number, key);
            failed("get", key, response.code);
            return miss_reason::unavailable;
        }
        forget_failed_lookup();
        return std::move(response.contents.result);
    }

    /// Looks up keys of one server.
    ///
    /// places          where these keys are in `keys` and `results`
    void get_batches(std::size_t server, std::span<key128 const> keys,
                     std::span<std::size_t const> places,
                     std::span<lookup_result<Record>> results) const {
        constexpr std::size_t max_batch = 64;
        auto visit = store_->visit(server, *scope_);
        while (!places.empty()) {
            auto const batch = places.first((std::min)(places.size(), max_batch));
            auto const decode_into = [&](std::size_t i, wire_reply const& reply) {
                if (reply.code == wire_code::done) {
                    results[batch[i]] = decode(reply, keys[batch[i]], true).result;
                }
            };
            auto const code = visit.ask(
                [&](Connection& connection, std::uint64_t generation, deadline const& by) {
                    auto const name_of = [&](std::size_t i) {
                        return scope_->names.record(keys[batch[i]], generation);
                    };
                    return connection.get_many(batch.size(), name_of, decode_into, by);
                });
            if (code == wire_code::too_large) { // as in look_up()
                count_one(scope_->counters.corrupt);
            } else if (!is_answer(code)) {
                for (std::size_t const place : places) {
                    if (!results[place] && results[place].reason() == miss_reason::absent) {
                        results[place] = miss_reason::unavailable;
                    }
                }
                failed("get", keys[batch.front()], code);
                return; // one failure per server
            }
            places = places.subspan(batch.size());
        }
    }

    /// Runs operation(connection, name, by) on the item of a key, and counts or throws its failure.
    ///
    /// Returns:        whether the server did it
    template <class Operation>
    [[nodiscard]] bool ask(char const* verb, key128 key, Operation const& operation) const {
        auto visit = store_->visit(store_->server_of(key), *scope_);
        auto const code =
            visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
                return operation(connection, scope_->names.record(key, generation), by);
            });
        if (!is_answer(code)) {
            failed(verb, key, code);
        }
        return code == wire_code::done;
    }

    [[nodiscard]] bool may_lease(key128 key) const {
        return !store_->settings.lease.is_zero() &&
               !lookup_failed(scope_->number, key, store_->settings.operation_timeout);
    }

    [[nodiscard]] std::optional<bool> is_stored(key128 key) const {
        auto visit = store_->visit(store_->server_of(key), *scope_);
        server_response const response = load(visit, key, false);
        std::optional<bool> const answer = answer_of(response.code, *scope_, key);
        return answer.value_or(false) ? response.contents.result.has_value() : answer;
    }

    void skip(char const* verb, key128 key) const {
        troubles_.skip(verb, key, store_->as_written(store_->server_of(key)));
    }

    [[gnu::cold]] void failed(char const* verb, key128 key, wire_code code) const {
        troubles_.failed(verb, key, code, store_->as_written(store_->server_of(key)));
    }

    std::shared_ptr<store_type> store_;
    memcached_scope* scope_;
    key128 digest_;
    item_codec<Record> codec_;
    memcached_troubles troubles_;
};

} // namespace memo::detail
