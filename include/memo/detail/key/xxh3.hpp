// SPDX-License-Identifier: BSL-1.0
#pragma once

// The steps of XXH3 that memo implements itself, for short streams and for long bytes.
//
// Source of all steps and constants: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm Overview".

#include <array>
#include <cstdint>

namespace memo::detail::xxh3 {

inline constexpr std::uint64_t prime32_1 = 0x9e3779b1;
inline constexpr std::uint64_t prime32_2 = 0x85ebca77;
inline constexpr std::uint64_t prime32_3 = 0xc2b2ae3d;
inline constexpr std::uint64_t prime64_1 = 0x9e3779b185ebca87;
inline constexpr std::uint64_t prime64_2 = 0xc2b2ae3d27d4eb4f;
inline constexpr std::uint64_t prime64_3 = 0x165667b19e3779f9;
inline constexpr std::uint64_t prime64_4 = 0x85ebca77c2b2ae63;
inline constexpr std::uint64_t prime64_5 = 0x27d4eb2f165667c5;

/// The default secret, 192 bytes, read at any offset.
inline constexpr std::array<std::uint64_t, 24> secret{
    0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072,
    0x78e5c0cc4ee679cb, 0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0,
    0xcb00c391bb52283c, 0xa32e531b8b65d088, 0x4ef90da297486471, 0xd8acdea946ef1938,
    0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a, 0x647378d9c97e9fc8,
    0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
    0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af};

/// The xor of the halves of the product.
[[nodiscard]] constexpr std::uint64_t folded_product(std::uint64_t one,
                                                     std::uint64_t other) noexcept {
    __extension__ using wide = unsigned __int128;
    wide const product = wide{one} * other;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// The final mix of a word.
[[nodiscard]] constexpr std::uint64_t avalanche(std::uint64_t x) noexcept {
    x = (x ^ (x >> 37)) * 0x165667919e3779f9;
    return x ^ (x >> 32);
}

/// The inverse of avalanche().
[[nodiscard]] constexpr std::uint64_t before_avalanche(std::uint64_t x) noexcept {
    // x ^ (x >> n) is its own inverse for n >= 32.
    x = (x ^ (x >> 32)) * 0x8da8ee41d6df849; // inverse of the factor modulo 2^64
    return x ^ (x >> 37);
}

} // namespace memo::detail::xxh3
