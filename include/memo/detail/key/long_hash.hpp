// SPDX-License-Identifier: BSL-1.0
#pragma once

// XXH3 of more than 240 bytes in half the time of a portable build, which uses registers of 128 bits, by the
// 256 bits of AVX2 (docs/decisions/0043-avx2.md).

#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <cstddef>

namespace memo::detail {

/// The maximal length that is too short for `long_hash`: XXH3 uses other steps up to it.
inline constexpr std::size_t short_bytes = 240;

/// XXH3-128, without seed, of more than `short_bytes` bytes; its low half is their XXH3-64.
using long_hash = key128(void const* bytes, std::size_t size) noexcept;

/// A hash of long inputs that is faster than xxHash's on this processor, or null.
[[nodiscard]] long_hash* faster_long_hash() noexcept;

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "long_hash.ipp"
#endif
