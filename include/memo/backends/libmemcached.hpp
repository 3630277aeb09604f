// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memcached over libmemcached. Needs the library: the CMake target is memo::libmemcached.

#include <memo/detail/system/compiler.hpp>
#include <memo/detail/system/posix.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backends/memcached.hpp>
#include <memo/detail/memcached/basic_memcached.ipp>
#include <memo/detail/memcached/libmemcached_connection.hpp>

namespace memo {

/// memo::memcached over libmemcached, for servers without the meta protocol (before 1.6.10). It has the same
/// settings, items and guarantees, with these exceptions of the library: an operation whose response arrives in
/// small pieces may exceed its timeout; a response of another command to a store, or a line VERSION, aborts the
/// process inside the library; a username is refused. So you must trust the server and the network.
///
/// Thread safety:  safe; a forked child opens its own connections
using libmemcached = detail::basic_memcached<detail::libmemcached_connection>;

} // namespace memo

#pragma GCC diagnostic pop
