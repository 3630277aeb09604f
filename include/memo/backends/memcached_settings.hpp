// SPDX-License-Identifier: BSL-1.0
#pragma once

// The settings of memo::memcached, and the counters of its connections.

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
    /// host, host:port, [address]:port or the path of a unix socket. All programs that share a
    /// cache must write the same servers in the same way; their order does not matter.
    std::vector<std::string> servers = local_server();
    /// Separates users of one server: 1 to 64 letters, digits, dots, hyphens, underscores.
    std::string name_space = "memo";
    time_span connect_timeout = std::chrono::milliseconds(200);
    /// Limit of one operation on an open connection. Like connect_timeout, at most 24 days.
    time_span operation_timeout = std::chrono::milliseconds(100);
    /// Upper bound of every TTL. 0: only the function's own ttl applies.
    time_span ttl{};
    /// How long one process may compute a record while all others that share the servers wait for it.
    /// Set it above the time of an evaluation: after it another process computes the same key. It does
    /// not change the record's TTL. 0: nobody waits.
    time_span lease{};
    /// Larger records, in bytes, are not sent. The server's own limit (its option -I) must not be
    /// lower, because a server that refuses a value also removes the old one. Default: 1 MiB without
    /// the item's header.
    std::size_t max_value_bytes = 1024 * 1024 - 512;
    /// strict: operations throw `memo::error`, as they do for functions with `on_error = strict`.
    on_error_policy on_error = on_error_policy::degrade;
    /// For servers with authentication. They are sent unencrypted: use a unix socket or a tunnel.
    std::string username{};
    std::string password{};
    /// The clock of `ttl`, for tests. Empty: the system's.
    std::function<std::chrono::system_clock::time_point()> clock{};

    // A function, because g++ 12 fails with an internal error on a list of strings here.
    [[nodiscard]] static std::vector<std::string> local_server() { return {"127.0.0.1:11211"}; }
};

/// Counters of the connections to the servers, beside backend_statistics.
struct memcached_statistics {
    std::uint64_t conflicts = 0; ///< updates that read and merged again after a concurrent update
    std::uint64_t ambiguous = 0; ///< updates whose response was lost: stored once or not at all
    std::uint64_t skipped = 0;   ///< operations that the circuit breaker refused
    std::uint64_t desynchronized = 0; ///< responses that matched no request, and were discarded
    std::uint64_t server_full = 0;    ///< records for which the server had no memory
    std::uint64_t breaker_opens = 0;  ///< times that the circuit breaker of a server opened
    std::uint64_t lease_waits = 0;    ///< calls that waited for another process's lease
};

} // namespace memo
