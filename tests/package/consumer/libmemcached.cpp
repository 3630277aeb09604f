// SPDX-License-Identifier: BSL-1.0
// The component libmemcached brings what its header needs, to compile and to link.

#include <memo/backends/libmemcached.hpp>

bool finds_nothing_in_libmemcached();

bool finds_nothing_in_libmemcached() {
    static memo::libmemcached const backend;
    return !backend.partition<int>({}).get({}).has_value();
}
