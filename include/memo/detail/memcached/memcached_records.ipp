// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/backoff.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_lock.ipp>
#include <memo/detail/memcached/memcached_records.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace memo::detail {

/// Flags of the items that hold a frame.
inline constexpr std::uint32_t frame_flags = frame_magic;

[[nodiscard]] inline wire_item on_wire(encoded_item const& item) {
    return {item.frame, frame_flags, item.ttl.count() == 0 ? 0 : item_expiry(item.ttl)};
}

[[nodiscard]] inline std::span<std::byte const> frame_in(wire_reply const& reply) {
    return reply.flags == frame_flags ? reply.value : std::span<std::byte const>();
}

/// What a server returned for a key.
struct loaded_item {
    wire_code code = wire_code::closed;
    std::uint64_t generation = 0; ///< of the item that was asked for
    std::uint64_t token = 0;
};

template <class Connection>
[[nodiscard]] loaded_item load(server_visit<Connection>& visit, memcached_scope const& scope,
                               key128 key, function_ref<void(std::span<std::byte const>)> decode) {
    loaded_item item;
    item.code =
        visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
            auto const name = scope.names.record(key, generation);
            auto const reply = connection.get(name.text(), by);
            if (reply.code == wire_code::done) {
                item.token = reply.token;
                decode(frame_in(reply));
            }
            item.generation = generation;
            return reply.code;
        });
    return item;
}

template <class Connection>
memcached_records<Connection>::memcached_records(std::shared_ptr<store_type> store, key128 scope,
                                                 on_error_policy on_error)
    : store_(std::move(store)),
      scope_(&store_->scope(scope)),
      digest_(scope),
      on_error_(on_error) {}

template <class Connection>
memcached_settings const& memcached_records<Connection>::settings() const noexcept {
    return store_->settings;
}

template <class Connection>
byte_counters& memcached_records<Connection>::counters() const noexcept {
    return scope_->counters;
}

template <class Connection>
std::optional<miss_reason> memcached_records<Connection>::look_up(key128 key, bool counts,
                                                                  decode_frame decode) const {
    if (lookup_failed(scope_->number, key, store_->settings.operation_timeout)) {
        skip("get", key);
        return miss_reason::unavailable;
    }
    auto visit = store_->visit(store_->server_of(key), *scope_);
    loaded_item const item = load(visit, *scope_, key, decode);
    if (item.code == wire_code::too_large) { // not an item of memo; a put replaces it
        if (counts) {
            count_one(scope_->counters.corrupt);
        }
        return miss_reason::corrupt;
    }
    if (!is_answer(item.code)) {
        remember_failed_lookup(scope_->number, key);
        failed("get", key, item.code);
        return miss_reason::unavailable;
    }
    forget_failed_lookup(scope_->number);
    return item.code == wire_code::done ? std::nullopt : std::optional(miss_reason::absent);
}

template <class Connection>
void memcached_records<Connection>::look_up_all(
    std::span<key128 const> keys,
    function_ref<void(std::size_t, std::span<std::byte const>)> decode,
    function_ref<void(std::size_t)> fail) const {
    std::vector<std::vector<std::size_t>> of_server(store_->size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        of_server[store_->server_of(keys[i])].push_back(i);
    }
    for (std::size_t server = 0; server < of_server.size(); ++server) {
        if (!of_server[server].empty()) {
            look_up_batches(server, keys, of_server[server], decode, fail);
        }
    }
}

/// Looks up keys of one server.
///
/// places          where these keys are in `keys`
template <class Connection>
template <class Decode, class Fail>
void memcached_records<Connection>::look_up_batches(std::size_t server,
                                                    std::span<key128 const> keys,
                                                    std::span<std::size_t const> places,
                                                    Decode const& decode, Fail const& fail) const {
    constexpr std::size_t max_batch = 64;
    auto visit = store_->visit(server, *scope_);
    while (!places.empty()) {
        auto const batch = places.first((std::min)(places.size(), max_batch));
        auto const decode_into = [&](std::size_t i, wire_reply const& reply) {
            if (reply.code == wire_code::done) {
                decode(batch[i], frame_in(reply));
            }
        };
        auto const code =
            visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
                auto const name_of = [&](std::size_t i) {
                    return scope_->names.record(keys[batch[i]], generation);
                };
                return connection.get_many(batch.size(), name_of, decode_into, by);
            });
        if (code == wire_code::too_large) { // as in look_up()
            count_one(scope_->counters.corrupt);
        } else if (!is_answer(code)) {
            std::ranges::for_each(places, fail);
            failed("get", keys[batch.front()], code);
            return; // one failure per server
        }
        places = places.subspan(batch.size());
    }
}

template <class Connection>
bool memcached_records<Connection>::put(key128 key, encode_item encode) const {
    if (take_failed_lookup(scope_->number, key)) {
        skip("put", key);
        return false;
    }
    std::optional<encoded_item> const item = encode();
    return item &&
           ask("put", key, [&](Connection& connection, item_name const& name, deadline const& by) {
               return connection.set(name.text(), on_wire(*item), by);
           });
}

template <class Connection>
bool memcached_records<Connection>::update(key128 key, decode_frame decode,
                                           encode_item compose) const {
    if (take_failed_lookup(scope_->number, key)) {
        skip("update", key);
        return false;
    }
    auto visit = store_->visit(store_->server_of(key), *scope_);
    // Each conflict means that another update got through, so only time is bounded.
    backoff between(20 * std::chrono::nanoseconds(store_->settings.operation_timeout),
                    backoff::microseconds(0), backoff::microseconds(640));
    wire_code code = wire_code::conflict;
    do {
        loaded_item const before = load(visit, *scope_, key, decode);
        if (!is_answer(before.code)) {
            failed("update", key, before.code);
            return false;
        }
        std::optional<encoded_item> const item = compose();
        if (!item) {
            return false;
        }
        code = visit.ask_once([&](Connection& connection, deadline const& by) {
            auto const name = scope_->names.record(key, before.generation);
            return before.code == wire_code::absent
                       ? connection.add(name.text(), on_wire(*item), by)
                       : connection.exchange(name.text(), on_wire(*item), before.token, by);
        });
        if (code == wire_code::done) {
            return true;
        }
        if (!is_answer(code)) {
            count_if_ambiguous(scope_->counters, code);
            break;
        }
        count_one(scope_->counters.conflicts);
    } while (between.wait());
    failed("update", key, is_answer(code) ? wire_code::conflict : code);
    return false;
}

template <class Connection> bool memcached_records<Connection>::erase(key128 key) const {
    return ask("erase", key,
               [&](Connection& connection, item_name const& name, deadline const& by) {
                   return connection.erase(name.text(), by);
               });
}

template <class Connection> void memcached_records<Connection>::clear() const {
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

template <class Connection> backend_statistics memcached_records<Connection>::stats() const {
    backend_statistics sum;
    add_to(sum, scope_->counters);
    return sum;
}

template <class Connection>
typename memcached_records<Connection>::lease_type
memcached_records<Connection>::lead(key128 key,
                                    function_ref<bool(std::span<std::byte const>)> is_valid) const {
    if (!may_lease(key)) {
        return {};
    }
    lease_type mine(memcached_lock(store_, *scope_, key));
    if (!mine.take().value_or(true)) {
        count_one(scope_->counters.lease_waits);
        auto const is_stored = [&] {
            auto visit = store_->visit(store_->server_of(key), *scope_);
            bool valid = false;
            auto const check = [&](std::span<std::byte const> frame) { valid = is_valid(frame); };
            loaded_item const item = load(visit, *scope_, key, check);
            std::optional<bool> const answer = answer_of(item.code, *scope_, key);
            return answer.value_or(false) ? std::optional(valid) : answer;
        };
        std::chrono::nanoseconds const expiry = store_->settings.lease;
        // memcached counts in seconds.
        mine.wait(expiry + std::chrono::seconds(2), is_stored);
    }
    return mine;
}

template <class Connection>
std::optional<typename memcached_records<Connection>::lease_type>
memcached_records<Connection>::try_lead(key128 key) const {
    if (!may_lease(key)) {
        return lease_type();
    }
    lease_type mine(memcached_lock(store_, *scope_, key));
    if (!mine.take().value_or(true)) {
        return std::nullopt;
    }
    return mine;
}

/// Runs operation(connection, name, by) on the item of a key, and counts or throws its failure.
///
/// Returns:        whether the server did it
template <class Connection>
template <class Operation>
bool memcached_records<Connection>::ask(char const* verb, key128 key,
                                        Operation const& operation) const {
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

template <class Connection> bool memcached_records<Connection>::may_lease(key128 key) const {
    return !store_->settings.lease.is_zero() &&
           !lookup_failed(scope_->number, key, store_->settings.operation_timeout);
}

template <class Connection>
void memcached_records<Connection>::skip(char const* verb, key128 key) const {
    memcached_troubles const troubles(scope_->counters, store_->settings, on_error_);
    troubles.skip(verb, key, store_->as_written(store_->server_of(key)));
}

template <class Connection>
[[gnu::cold]] void memcached_records<Connection>::failed(char const* verb, key128 key,
                                                         wire_code code) const {
    memcached_troubles const troubles(scope_->counters, store_->settings, on_error_);
    troubles.failed(verb, key, code, store_->as_written(store_->server_of(key)));
}

} // namespace memo::detail
