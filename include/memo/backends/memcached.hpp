// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records on memcached servers, shared by processes and machines.

#include <memo/detail/system/compiler.hpp>
#include <memo/detail/system/posix.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/detail/memcached/basic_memcached.hpp>

namespace memo {

/// Stores records on memcached servers (1.6.10 or later), over TCP or unix sockets, distributed by consistent
/// hashing. It implements the meta protocol and links nothing.
///
/// A server that is unreachable, slow, restarted or hostile costs bounded time and misses; a hit always returns
/// a record that was stored for the key. Copies share connections and counters.
///
/// Thread safety:  safe; a forked child opens its own connections
using memcached = detail::basic_memcached<detail::meta_connection>;

#if defined(MEMO_COMPILED_MEMCACHED)
extern template class detail::basic_memcached<detail::meta_connection>;
extern template class detail::memcached_lock<detail::meta_connection>;
extern template class detail::memcached_records<detail::meta_connection>;
#endif

} // namespace memo

#if !defined(MEMO_COMPILED_MEMCACHED)
#include "memcached.ipp"
#endif

#pragma GCC diagnostic pop
