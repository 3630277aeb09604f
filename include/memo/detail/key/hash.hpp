// SPDX-License-Identifier: BSL-1.0
#pragma once

// The hash functions.

#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// XXH3-128 of `size` bytes, without seed. Source: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm
/// Overview".
[[nodiscard]] key128 hash128(void const* bytes, std::size_t size) noexcept;

/// XXH3-64 of `size` bytes, without seed: the checksum of records outside the process.
[[nodiscard]] std::uint64_t hash64(void const* bytes, std::size_t size) noexcept;

/// XXH3-128 of bytes that are added in pieces; equals `hash128` of all bytes.
class hash128_pieces {
  public:
    hash128_pieces() noexcept;

    void add(void const* bytes, std::size_t size) noexcept;

    [[nodiscard]] key128 digest() const noexcept;

  private:
    alignas(64) std::array<std::byte, 576> state_; ///< contains xxHash's state
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "hash.ipp"
#endif
