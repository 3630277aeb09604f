// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled_memcached: what depends on memcached's protocol and on no type of the user, see memo/detail/system/compiled.hpp.

#include <memo/backends/memcached.hpp>
