// SPDX-License-Identifier: BSL-1.0
#pragma once

// Settings of memo::memcached, checked.

#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/error.hpp>
#include <memo/time_span.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace memo::detail {

/// The longest timeout of poll(2): 24 days.
inline constexpr std::chrono::milliseconds max_timeout{INT32_MAX};

/// The settings, with timeouts of at most `max_timeout`, so that no sum of times overflows.
///
/// Throws:         configuration, for invalid settings
[[nodiscard]] inline memcached_settings checked(memcached_settings chosen) {
    auto const refuse_if = [](bool wrong, char const* what) {
        if (wrong) {
            throw error(errc::configuration, std::string("memcached: ") + what);
        }
    };
    refuse_if(chosen.servers.empty(), "no servers are named");
    refuse_if(!is_name_space(chosen.name_space),
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
        *timeout = (std::min)(*timeout, time_span(max_timeout));
    }
    return chosen;
}

} // namespace memo::detail
