// SPDX-License-Identifier: BSL-1.0
#pragma once

// The hash functions, and the only header that includes xxHash. Its code is inlined, not linked
// (docs/decisions/0003-inline-xxhash.md).

#include <memo/detail/key/long_hash.hpp>
#include <memo/key128.hpp>

#include <cstddef>
#include <cstdint>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace memo::detail {

/// XXH3-128 of `size` bytes, without seed. Source: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm
/// Overview".
[[nodiscard]] inline key128 hash128(void const* bytes, std::size_t size) noexcept {
    if (size > short_bytes) {
        if (long_hash* const hash = faster_long_hash()) {
            return hash(bytes, size);
        }
    }
    XXH128_hash_t const hash = XXH3_128bits(bytes, size);
    return {hash.low64, hash.high64};
}

/// XXH3-64 of `size` bytes, without seed: the checksum of records outside the process.
[[nodiscard]] inline std::uint64_t hash64(void const* bytes, std::size_t size) noexcept {
    if (size > short_bytes) {
        if (long_hash* const hash = faster_long_hash()) {
            return hash(bytes, size).low;
        }
    }
    return XXH3_64bits(bytes, size);
}

/// XXH3-128 of bytes that are added in pieces; equals `hash128` of all bytes.
class hash128_pieces {
  public:
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): reset initializes it
    hash128_pieces() noexcept { XXH3_128bits_reset(&state_); }

    void add(void const* bytes, std::size_t size) noexcept {
        XXH3_128bits_update(&state_, bytes, size);
    }

    [[nodiscard]] key128 digest() const noexcept {
        XXH128_hash_t const hash = XXH3_128bits_digest(&state_);
        return {hash.low64, hash.high64};
    }

  private:
    XXH3_state_t state_;
};

} // namespace memo::detail
