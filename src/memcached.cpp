// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled_memcached: what depends on memcached's protocol and on no type of the user, see memo/detail/system/compiled.hpp.

#define MEMO_COMPILES_LIBRARY 1

#include <memo/backends/memcached.hpp>
