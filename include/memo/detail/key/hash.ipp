// SPDX-License-Identifier: BSL-1.0
#pragma once

// The only file that includes xxHash. Its code is inlined, not linked (docs/decisions/0003-inline-xxhash.md).

#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/long_hash.hpp>

#include <cstddef>
#include <cstdint>
#include <new>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace memo::detail {

MEMO_DEFINITION key128 hash128(void const* bytes, std::size_t size) noexcept {
    if (size > short_bytes) {
        if (long_hash* const hash = faster_long_hash()) {
            return hash(bytes, size);
        }
    }
    XXH128_hash_t const hash = XXH3_128bits(bytes, size);
    return {hash.low64, hash.high64};
}

MEMO_DEFINITION std::uint64_t hash64(void const* bytes, std::size_t size) noexcept {
    if (size > short_bytes) {
        if (long_hash* const hash = faster_long_hash()) {
            return hash(bytes, size).low;
        }
    }
    return XXH3_64bits(bytes, size);
}

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): reset initializes it
MEMO_DEFINITION hash128_pieces::hash128_pieces() noexcept {
    static_assert(sizeof(XXH3_state_t) <= sizeof state_ && alignof(XXH3_state_t) <= 64);
    XXH3_128bits_reset(new (state_.data()) XXH3_state_t);
}

MEMO_DEFINITION void hash128_pieces::add(void const* bytes, std::size_t size) noexcept {
    XXH3_128bits_update(std::launder(reinterpret_cast<XXH3_state_t*>(state_.data())), bytes, size);
}

MEMO_DEFINITION key128 hash128_pieces::digest() const noexcept {
    XXH128_hash_t const hash =
        XXH3_128bits_digest(std::launder(reinterpret_cast<XXH3_state_t const*>(state_.data())));
    return {hash.low64, hash.high64};
}

} // namespace memo::detail
