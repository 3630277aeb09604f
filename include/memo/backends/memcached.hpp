// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records shared by processes and machines, kept by memcached's servers.

#include <memo/detail/memcached/basic_memcached.hpp>
#include <memo/detail/memcached/wire/meta.hpp>
#include <memo/detail/system/compiler.hpp>

namespace memo {

/// Keeps records on memcached's servers (1.6.10 or later), over TCP or unix sockets, spread over
/// several of them by consistent hashing. Speaks their meta protocol itself and links nothing.
///
/// A server that is away, slow, restarted or hostile costs time that is bounded, and misses; what is
/// served is a record that was stored for the key. Copies share connections and counters.
///
/// Thread safety:  safe; a forked child makes connections of its own
using memcached = detail::basic_memcached<detail::meta_connection>;

} // namespace memo
