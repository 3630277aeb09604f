// SPDX-License-Identifier: BSL-1.0
// The component memcached brings what its header needs, to compile and to link.

#include <memo/backends/memcached.hpp>

bool finds_nothing_in_memcached();

bool finds_nothing_in_memcached() {
    static memo::memcached const backend;
    return !backend.partition<int>({}).get({}).has_value();
}
