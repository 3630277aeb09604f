// SPDX-License-Identifier: BSL-1.0
#pragma once

// The seam between the backend and the wire: a connection to one server is asked for one key at a
// time, by a deadline, and says what became of it. It throws nothing but for lack of memory.

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

/// What became of one operation on the wire.
enum class wire_code {
    done,        ///< found, stored, erased, counted
    absent,      ///< no such key
    conflict,    ///< add: the key is there; exchange: its CAS token is another one
    too_large,   ///< the server does not take a value of this size, or has one that we do not
    server_full, ///< the server has no memory for it
    unable,      ///< the server understands, and cannot do it (SERVER_ERROR)
    crowded,     ///< the server takes no more connections
    refused,     ///< the server does not understand, or wants a password
    timed_out,   ///< no whole answer by the deadline
    connection_refused, ///< nobody listens there
    unreachable,        ///< the connection was not made, or not in time
    closed,             ///< the connection ended before a whole answer
    desynchronized,     ///< the answer belongs to no request of ours, or is none
    skipped,            ///< not asked: the server was away a moment ago
};

/// Whether the server has answered for this very request, and done what it was asked for.
[[nodiscard]] constexpr bool is_answer(wire_code code) noexcept {
    return code == wire_code::done || code == wire_code::absent || code == wire_code::conflict;
}

/// Whether the server is there, whatever it says.
[[nodiscard]] constexpr bool is_alive(wire_code code) noexcept {
    return is_answer(code) || code == wire_code::too_large || code == wire_code::server_full ||
           code == wire_code::unable || code == wire_code::crowded || code == wire_code::refused;
}

/// Whether nobody is there to talk to, so that the next one need not try.
[[nodiscard]] constexpr bool is_away(wire_code code) noexcept {
    return code == wire_code::connection_refused || code == wire_code::unreachable;
}

/// The answer to a request.
struct wire_reply {
    wire_code code = wire_code::closed;
    std::uint32_t flags = 0;            ///< the item's own, as its writer set them
    std::uint64_t token = 0;            ///< CAS token of the item; never 0 for an item
    std::uint64_t number = 0;           ///< what `count` counted
    std::span<std::byte const> value{}; ///< valid until the connection's next operation
};

/// A value to be stored.
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

/// What a connection is made with.
struct connection_settings {
    std::chrono::nanoseconds connect_timeout;
    std::chrono::nanoseconds operation_timeout;
    std::size_t max_value_bytes; ///< longer answers are not read
    std::string username;
    std::string password;
};

/// A connection to one server.
///
/// key             1 to 250 bytes, no space and no control character
/// open            connects; nothing to do if it is open already. `wire_code::done` or a failure
/// get             the value and its CAS token
/// set, add        stores; add only if there is nothing
/// exchange        stores if the item still has this CAS token, which is not 0
/// get_many        get_many(count, name_of, visit, by) asks for all keys before it reads an answer, and
///                 calls visit(i, reply) for each, in order, while its value can be read
/// count           adds to a decimal number, and makes it with `initial` where there is none
/// is_open         false after any failure but a server's plain no (too_large, server_full, unable):
///                 what a connection is in doubt of, it closes
/// is_intact       false if the descriptor is not the connection's any more: a program may close all
///                 descriptors, and open files of its own under their numbers
/// abandon         lets go of a connection that another process uses: nothing is sent
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

/// Tries all addresses of a server until one serves, and from then on that one.
///
/// attempt         attempt(address, left) connects; how many are left with this one, of the time
template <class Attempt>
[[nodiscard]] wire_code try_addresses(endpoint const& server, Attempt const& attempt) {
    std::size_t serving = *server.serving;
    if (serving != endpoint::unknown) {
        return attempt(server.addresses[serving], 1);
    }
    auto code = wire_code::connection_refused;
    std::size_t const count = server.addresses.size();
    for (std::size_t i = 0; i < count; ++i) {
        auto const tried = attempt(server.addresses[i], count - i);
        if (tried == wire_code::done) {
            bool const is_first = server.serving->compare_exchange_strong(serving, i);
            return is_first || serving == i ? tried : attempt(server.addresses[serving], 1);
        }
        code = tried == wire_code::connection_refused ? code : tried;
    }
    return code;
}

} // namespace memo::detail
