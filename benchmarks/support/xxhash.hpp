// SPDX-License-Identifier: BSL-1.0
#pragma once

// xxHash as a user calls it: what memo makes of long inputs on its own is not in it.

#include <memo/key128.hpp>

#include <cstddef>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace benchmark {

inline memo::key128 xxhash128(void const* bytes, std::size_t size) {
    XXH128_hash_t const hash = XXH3_128bits(bytes, size);
    return {hash.low64, hash.high64};
}

} // namespace benchmark
