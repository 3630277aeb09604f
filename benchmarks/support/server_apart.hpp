// SPDX-License-Identifier: BSL-1.0
#pragma once

// A memcached for clients on the first core.

#include <support/cores.hpp>

#include "tests/support/memcached_server.hpp"

namespace benchmark {

/// A server on a core of its own, where the machine has another one than the client's.
inline memo_test::memcached_server server_apart(
    memo_test::memcached_server::transport by = memo_test::memcached_server::transport::tcp) {
    pinned const place(1);
    return memo_test::memcached_server(by);
}

} // namespace benchmark
