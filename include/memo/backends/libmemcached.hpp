// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memcached over libmemcached. Needs the library: the CMake target is memo::libmemcached.

#include <memo/backends/memcached.hpp>
#include <memo/detail/memcached/basic_memcached.hpp>
#include <memo/detail/memcached/libmemcached_connection.hpp>
#include <memo/detail/system/compiler.hpp>

namespace memo {

/// memo::memcached by libmemcached, for servers that speak no meta protocol (before 1.6.10). Same
/// settings, items and guarantees, but for what the library cannot give: an operation whose answer
/// drips may outlast its timeout; a store that is answered as another command would be, or a line
/// VERSION, ends the process inside the library; a username is refused. So the server and the way to
/// it must be trusted.
///
/// Thread safety:  safe; a forked child makes connections of its own
using libmemcached = detail::basic_memcached<detail::libmemcached_connection>;

} // namespace memo
