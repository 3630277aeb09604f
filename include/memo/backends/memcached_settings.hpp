// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a user may say about the memcached backend, and what it counts beyond every backend's
// counters.

#include <memo/options.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace memo {

/// The settings of memo::memcached, for designated initializers.
struct memcached_settings {
    /// host, host:port, [address]:port or the path of a unix socket. All who share a cache name the
    /// same servers, spelled alike; their order does not matter.
    std::vector<std::string> servers = local_server();
    /// Keeps users of one server apart: 1 to 64 letters, digits, dots, hyphens, underscores.
    std::string name_space = "memo";
    time_span connect_timeout = std::chrono::milliseconds(200);
    /// How long one operation may take when it has a connection. As connect_timeout: 24 days at most.
    time_span operation_timeout = std::chrono::milliseconds(100);
    /// The longest that anything is kept. 0: as long as the function's own ttl says.
    time_span ttl{};
    /// For how long the one who computes a record keeps all other processes and machines that share
    /// the servers from computing it; they wait for it. Longer than computing takes: when it is over
    /// another one computes the same. The record's own time does not depend on it. 0: no one waits.
    time_span lease{};
    /// Records of more bytes are not sent. The server's own limit (its option -I) must not be lower,
    /// as it drops the old value when it refuses a new one. Default: 1 MiB without the item's header.
    std::size_t max_value_bytes = 1024 * 1024 - 512;
    /// strict: operations throw `memo::error`, as they do for functions with `on_error = strict`.
    on_error_policy on_error = on_error_policy::degrade;
    /// For servers that ask for them. They travel in the clear: over a unix socket or a tunnel only.
    std::string username{};
    std::string password{};
    /// The time of day, for tests. Empty: the system's.
    std::function<std::chrono::system_clock::time_point()> clock{};

    // A function, as g++ 12 fails with an internal error on a list of strings in its place.
    [[nodiscard]] static std::vector<std::string> local_server() { return {"127.0.0.1:11211"}; }
};

/// What happened on the way to memcached's servers, beyond backend_statistics.
struct memcached_statistics {
    std::uint64_t conflicts = 0; ///< updates that read and merged again, as another was quicker
    std::uint64_t ambiguous = 0; ///< updates whose answer was lost: stored or not, never twice
    std::uint64_t skipped = 0;   ///< operations not tried, as the server was away a moment ago
    std::uint64_t desynchronized =
        0;                           ///< answers that belonged to no request, and were not believed
    std::uint64_t server_full = 0;   ///< records that the server had no memory for
    std::uint64_t breaker_opens = 0; ///< times that a server was found to be away
    std::uint64_t lease_waits = 0;   ///< calls that waited for another process's lease
};

} // namespace memo
