// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled_memcached: memo::memcached but for the types of records, see
// memo/detail/system/compiled.hpp.

#define MEMO_COMPILES_LIBRARY 1

#include <memo/backends/memcached.ipp>

namespace memo::detail {

template class basic_memcached<meta_connection>;
template class memcached_lock<meta_connection>;
template class memcached_records<meta_connection>;

} // namespace memo::detail
