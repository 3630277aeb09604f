// SPDX-License-Identifier: BSL-1.0
#pragma once

// A memcached for all cases of a test program, and a new name space for each case.

#include "support/fake_clock.hpp"
#include "support/memcached_server.hpp"
#include <memo/backends/memcached.hpp>

#include <chrono>
#include <string>

namespace memo_test {

inline memcached_server& shared_memcached_server() {
    static memcached_server server;
    return server;
}

inline std::string unused_name_space() {
    static int used = 0;
    return "test-" + std::to_string(++used);
}

/// Long timeouts, for a machine with other load.
inline constexpr std::chrono::milliseconds ample{5000};

/// A clock of a test as a time of day.
inline auto time_of_day(fake_clock const& clock) {
    return [clock] {
        std::chrono::nanoseconds const passed = clock().time_since_epoch();
        return std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 50) + passed);
    };
}

inline memo::memcached_settings fresh_memcached_settings() {
    memo::memcached_settings chosen;
    chosen.servers = {shared_memcached_server().address()};
    chosen.name_space = unused_name_space();
    chosen.connect_timeout = ample;
    chosen.operation_timeout = ample;
    return chosen;
}

} // namespace memo_test
