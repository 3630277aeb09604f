// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a user may say about the memcached backend, and what it counts beyond every backend's
// counters.

#include <memo/error.hpp>
#include <memo/options.hpp>
#include <memo/saturated.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace memo {

namespace detail {

// A function, as g++ 12 fails with an internal error on a list of strings in its place.
inline std::vector<std::string> local_server() {
    return {"127.0.0.1:11211"};
}

} // namespace detail

/// The settings of memo::memcached, for designated initializers.
struct memcached_settings {
    /// host, host:port, [address]:port or the path of a unix socket. All who share a cache name the
    /// same servers, spelled alike; their order does not matter.
    std::vector<std::string> servers = detail::local_server();
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
};

/// What happened on the way to memcached's servers, beyond backend_statistics.
struct memcached_statistics {
    std::uint64_t conflicts = 0;     ///< updates that read and merged again, as another was quicker
    std::uint64_t ambiguous = 0;     ///< updates whose answer was lost: stored or not, never twice
    std::uint64_t skipped = 0;       ///< operations not tried, as the server was away a moment ago
    std::uint64_t out_of_step = 0;   ///< answers that belonged to no request, and were not believed
    std::uint64_t server_full = 0;   ///< records that the server had no memory for
    std::uint64_t breaker_opens = 0; ///< times that a server was found to be away
    std::uint64_t lease_waits = 0;   ///< calls that waited for another process's lease
};

namespace detail {

/// The longest timeout: what poll(2) takes, 24 days. Longer ones are this one, so that sums of times stay
/// far from the last that there is.
inline constexpr std::chrono::milliseconds longest_timeout{INT32_MAX};

/// The settings, with timeouts that can be waited for.
///
/// Throws:         configuration, for settings that cannot be meant
[[nodiscard]] inline memcached_settings checked(memcached_settings chosen) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    auto const refuse_if = [](bool wrong, char const* what) {
        if (wrong) {
            throw error(errc::configuration, std::string("memcached: ") + what);
        }
    };
    refuse_if(chosen.servers.empty(), "no servers are named");
    refuse_if(chosen.name_space.empty() || chosen.name_space.size() > 64 ||
                  chosen.name_space.find_first_not_of(allowed) != std::string::npos,
              "name_space must be 1 to 64 letters, digits, dots, hyphens and underscores");
    refuse_if(chosen.connect_timeout <= time_span() || chosen.operation_timeout <= time_span(),
              "timeouts must be more than 0 ms");
    refuse_if(chosen.ttl.is_negative(), "ttl must not be negative");
    refuse_if(chosen.lease.is_negative() || chosen.lease > time_span(std::chrono::hours(24 * 29)),
              "lease must be 0 s to 29 days");
    refuse_if(chosen.max_value_bytes == 0, "max_value_bytes must not be 0");
    refuse_if(chosen.username.empty() && !chosen.password.empty(), "a password needs a username");
    refuse_if(chosen.username.find_first_of(" \r\n") != std::string::npos ||
                  chosen.password.find_first_of("\r\n") != std::string::npos,
              "username and password must not hold line ends, nor the username spaces");
    for (time_span* const timeout : {&chosen.connect_timeout, &chosen.operation_timeout}) {
        *timeout = (std::min)(*timeout, time_span(longest_timeout));
    }
    return chosen;
}

} // namespace detail
} // namespace memo
