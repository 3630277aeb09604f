// SPDX-License-Identifier: BSL-1.0
#pragma once

// The interface between the backend and a wire: operations on a connection to one server, each with a
// deadline and a code as its result. They throw nothing but std::bad_alloc.

#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/endpoint.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace memo::detail {

/// The result of one operation on the wire.
enum class wire_code {
    done,               ///< found, stored, erased, counted
    absent,             ///< no such key
    conflict,           ///< add: the key exists; exchange: the item has another CAS token
    too_large,          ///< the value exceeds the limit of the server, or max_value_bytes
    server_full,        ///< the server has no memory for the item
    unable,             ///< another error of the server (SERVER_ERROR)
    crowded,            ///< the server accepts no more connections
    refused,            ///< the server does not know the command, or requires a password
    timed_out,          ///< no complete response by the deadline
    connection_refused, ///< nobody listens at the address
    unreachable,        ///< no connection by the deadline
    closed,             ///< the connection ended before a complete response
    desynchronized,     ///< a response that matches no request, or violates the protocol
    skipped,            ///< refused by the circuit breaker
};

/// Whether the server has executed this request.
[[nodiscard]] constexpr bool is_answer(wire_code code) noexcept {
    return code == wire_code::done || code == wire_code::absent || code == wire_code::conflict;
}

/// Whether the server responded, with a result or an error.
[[nodiscard]] constexpr bool is_alive(wire_code code) noexcept {
    return is_answer(code) || code == wire_code::too_large || code == wire_code::server_full ||
           code == wire_code::unable || code == wire_code::crowded || code == wire_code::refused;
}

/// Whether there is no connection, so that other callers need not try.
[[nodiscard]] constexpr bool is_away(wire_code code) noexcept {
    return code == wire_code::connection_refused || code == wire_code::unreachable;
}

/// The response to a request.
struct wire_reply {
    wire_code code = wire_code::closed;
    std::uint32_t flags = 0;            ///< of the item, from its writer
    std::uint64_t token = 0;            ///< CAS token of the item; never 0 for an item
    std::uint64_t number = 0;           ///< result of `count`
    std::span<std::byte const> value{}; ///< valid until the connection's next operation
};

/// A value to store.
struct wire_item {
    std::span<std::byte const> value;
    std::uint32_t flags = 0;
    std::int64_t expiry = 0; ///< see item_expiry; 0: never
};

/// A time to live as an expiration time of the protocol, rounded up by a second.
///
/// Returns:        seconds from now up to 30 days, above seconds since 1970; -1 for an expired item
/// Source:         memcached, doc/protocol.txt, "Expiration times"
[[nodiscard]] inline std::int64_t item_expiry(std::chrono::nanoseconds ttl) {
    constexpr std::int64_t max_relative = std::int64_t{60} * 60 * 24 * 30;
    constexpr std::int64_t max_absolute = INT32_MAX; // exptime has 32 bits
    if (ttl.count() <= 0) {
        return -1;
    }
    std::int64_t const seconds = std::chrono::floor<std::chrono::seconds>(ttl).count() + 1;
    if (seconds <= max_relative) {
        return seconds;
    }
    auto const now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return (std::min)(now.count() + seconds, max_absolute);
}

/// The settings of a connection.
struct connection_settings {
    std::chrono::nanoseconds connect_timeout;
    std::chrono::nanoseconds operation_timeout;
    std::size_t max_value_bytes; ///< larger values are not read
    std::string username;
    std::string password;
};

/// A connection to one server.
///
/// key             1 to 250 bytes, no space and no control character
/// open            connects unless it is open; returns `wire_code::done` or a failure
/// get             the value and its CAS token
/// set, add        stores; add only if the key is absent
/// exchange        stores if the item still has this CAS token, which is not 0
/// get_many        get_many(count, name_of, visit, by) sends all requests before it reads a response, and
///                 calls visit(i, reply) for each, in order, while its value is valid
/// count           adds to a decimal number, or creates it with `initial`
/// is_open         false after any failure except too_large, server_full and unable: a connection that may
///                 be out of step closes itself
/// is_intact       false if the descriptor is no longer the connection's: a program may close all
///                 descriptors and open other files under their numbers
/// abandon         drops a connection that another process uses, and sends nothing
///
/// Thread safety:  none; one thread at a time
template <class C>
concept wire_connection = requires(C& c, std::string_view key, wire_item const& item,
                                   std::uint64_t n, deadline by) {
    { c.open() } -> std::same_as<wire_code>;
    { c.is_open() } -> std::same_as<bool>;
    { c.is_intact() } -> std::same_as<bool>;
    { c.abandon() } -> std::same_as<void>;
    { c.times_opened() } -> std::convertible_to<std::uint64_t>;
    { c.get(key, by) } -> std::same_as<wire_reply>;
    { c.set(key, item, by) } -> std::same_as<wire_code>;
    { c.add(key, item, by) } -> std::same_as<wire_code>;
    { c.exchange(key, item, n, by) } -> std::same_as<wire_code>;
    { c.erase(key, by) } -> std::same_as<wire_code>;
    { c.count(key, n, n, by) } -> std::same_as<wire_reply>;
}
&&std::constructible_from<C, endpoint const&, connection_settings const&>;

/// Tries all addresses of a server until one accepts. Later calls try only that one.
///
/// attempt         attempt(address, n) connects within an n-th of the remaining time; n addresses are left
template <class Attempt>
[[nodiscard]] wire_code try_addresses(endpoint const& server, Attempt const& attempt) {
    std::size_t serving = *server.serving;
    if (serving != endpoint::unknown) {
        return attempt(server.addresses[serving], 1);
    }
    auto code = wire_code::connection_refused;
    std::size_t const count = server.addresses.size();
    for (std::size_t i = 0; i < count; ++i) {
        auto const result = attempt(server.addresses[i], count - i);
        if (result == wire_code::done) {
            bool const is_first = server.serving->compare_exchange_strong(serving, i);
            return is_first || serving == i ? result : attempt(server.addresses[serving], 1);
        }
        code = result == wire_code::connection_refused ? code : result;
    }
    return code;
}

} // namespace memo::detail
