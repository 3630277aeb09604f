// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_lock.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/sample_id.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>

namespace memo::detail {

/// The item behind a lock.
struct lock_item {
    // Not those of a record, so that no record is decoded from it.
    static constexpr std::uint32_t flags = 0x6c65'6173; // "leas"
    // Of 1970: see item_expiry.
    static constexpr std::int64_t past_time = std::int64_t{60} * 60 * 24 * 30 + 1;

    std::span<std::byte const> value; ///< the token of the owner

    /// The reply's code, and the CAS token if the connection returns it.
    template <wire_connection Connection>
    [[nodiscard]] std::pair<wire_code, std::uint64_t>
    add(Connection& connection, item_name const& name, std::int64_t expiry,
        deadline const& by) const {
        wire_item const item{value, flags, expiry};
        if constexpr (requires { connection.add_for_token(name.text(), item, by); }) {
            auto const reply = connection.add_for_token(name.text(), item, by);
            return {reply.code, reply.code == wire_code::done ? reply.token : 0};
        } else {
            return {connection.add(name.text(), item, by), 0};
        }
    }

    /// Whether the item on the server is this owner's, and its CAS token.
    template <wire_connection Connection>
    [[nodiscard]] std::pair<bool, std::uint64_t> own(Connection& connection, item_name const& name,
                                                     deadline const& by) const {
        wire_reply const reply = connection.get(name.text(), by);
        return {reply.code == wire_code::done && reply.flags == flags &&
                    std::ranges::equal(reply.value, value),
                reply.token};
    }
};

/// Runs question(connection, name, by) for the item of a key.
template <class Connection, class Question>
wire_code ask_for_lock(memcached_store<Connection>& store, memcached_scope& scope, key128 key,
                       Question const& question) {
    auto visit = store.visit(store.server_of(key), scope);
    return visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
        return question(connection, scope.names.lease(key, generation), by);
    });
}

template <class Connection>
memcached_lock<Connection>::memcached_lock(std::shared_ptr<memcached_store<Connection>> store,
                                           memcached_scope& scope, key128 key)
    : store_(std::move(store)), scope_(&scope), key_(key) {
    std::ranges::generate(token_, random_word);
}

template <class Connection> std::optional<bool> memcached_lock<Connection>::try_lock() {
    lock_item const item{std::as_bytes(std::span(token_))};
    auto const expiry = item_expiry(std::chrono::nanoseconds(store_->settings.lease));
    bool is_repeated = false;
    auto const code =
        ask_for_lock(*store_, *scope_, key_,
                     [&](Connection& connection, item_name const& name, deadline const& by) {
                         wire_code response = wire_code::closed;
                         std::tie(response, cas_token_) = item.add(connection, name, expiry, by);
                         // The first add may have succeeded although its response was lost.
                         if (response == wire_code::conflict && is_repeated &&
                             item.own(connection, name, by).first) {
                             response = wire_code::done;
                         }
                         is_repeated = true;
                         return response;
                     });
    return answer_of(code, *scope_, key_);
}

template <class Connection> void memcached_lock<Connection>::unlock() const {
    lock_item const item{std::as_bytes(std::span(token_))};
    static_cast<void>(ask_for_lock(
        *store_, *scope_, key_,
        [&](Connection& connection, item_name const& name, deadline const& by) {
            auto const [is_own, cas_token] =
                cas_token_ != 0 ? std::pair(true, cas_token_) : item.own(connection, name, by);
            return is_own
                       ? connection.exchange(name.text(),
                                             {item.value, lock_item::flags, lock_item::past_time},
                                             cas_token, by)
                       : wire_code::absent;
        }));
}

} // namespace memo::detail
