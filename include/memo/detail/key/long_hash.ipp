// SPDX-License-Identifier: BSL-1.0
#pragma once

// Source of all steps and constants: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm Overview" and "XXH3
// Algorithm Description (for large inputs)".

#include <memo/detail/key/long_hash.hpp>
#include <memo/detail/key/xxh3.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace memo::detail {

// A program compiled for AVX2 does not need this: xxHash uses AVX2 then.
#if defined(__x86_64__) && !defined(__AVX2__)

/// XXH3's long loop with AVX2, by the compilers' vector extensions, because <immintrin.h> compiles slowly. A
/// function with vector parameters or results must be compiled for AVX2 and inlined into one that is;
/// otherwise caller and callee disagree on the calling convention.
class avx2_hash {
  public:
    [[nodiscard, gnu::target("avx2"), gnu::noinline]] static key128
    digest(void const* bytes, std::size_t size) noexcept {
        auto const* input = static_cast<unsigned char const*>(bytes);
        lanes first{xxh3::prime32_3, xxh3::prime64_1, xxh3::prime64_2, xxh3::prime64_3};
        lanes second{xxh3::prime64_4, xxh3::prime32_2, xxh3::prime64_5, xxh3::prime32_1};
        // The last stripe ends with the input, and may overlap the one before.
        std::size_t remaining = size - 1;
        for (; remaining >= block; remaining -= block) {
            add_stripes(first, second, input, stripes_in_block);
            scramble(first, 128);
            scramble(second, 128 + sizeof second);
            input += block;
        }
        add_stripes(first, second, input, remaining / stripe);
        add(first, second, input + remaining + 1 - stripe, 121);
        std::array<std::uint64_t, 8> sums{};
        std::memcpy(sums.data(), &first, sizeof first);
        std::memcpy(sums.data() + 4, &second, sizeof second);
        return {merge(sums, size * xxh3::prime64_1, 11),
                merge(sums, ~(size * xxh3::prime64_2), 117)};
    }

  private:
    using lanes [[gnu::vector_size(32)]] = std::uint64_t;
    using halves [[gnu::vector_size(32)]] = int;
    /// Loads lanes from any address.
    using unaligned [[gnu::vector_size(32), gnu::aligned(1), gnu::may_alias]] = std::uint64_t;

    static constexpr std::size_t stripe = 64;
    static constexpr std::size_t stripes_in_block = 16;
    static constexpr std::size_t block = stripes_in_block * stripe;

    [[nodiscard]] static unsigned char const* secret_at(std::size_t byte) noexcept {
        return reinterpret_cast<unsigned char const*>(xxh3::secret.data()) + byte;
    }

    [[gnu::target("avx2"), gnu::always_inline]] static inline lanes
    load(unsigned char const* from) noexcept {
        return *reinterpret_cast<unaligned const*>(from);
    }

    /// The products of the lanes' low halves: vpmuludq.
    [[gnu::target("avx2"), gnu::always_inline]] static inline lanes multiply(lanes one,
                                                                             lanes other) noexcept {
#if defined(__clang__)
        return (one & 0xffffffff) * (other & 0xffffffff);
#else // g++ generates three multiplications for that
        return reinterpret_cast<lanes>(__builtin_ia32_pmuludq256(reinterpret_cast<halves>(one),
                                                                 reinterpret_cast<halves>(other)));
#endif
    }

    [[gnu::target("avx2"), gnu::always_inline]] static inline void
    add(lanes& sums, unsigned char const* input, std::size_t place) noexcept {
        lanes const words = load(input);
        lanes const mixed = words ^ load(secret_at(place));
        auto const pairs = reinterpret_cast<halves>(words);
        auto const swapped = __builtin_shufflevector(pairs, pairs, 2, 3, 0, 1, 6, 7, 4, 5);
        sums += multiply(mixed, mixed >> 32) + reinterpret_cast<lanes>(swapped);
    }

    [[gnu::target("avx2"), gnu::always_inline]] static inline void
    add(lanes& first, lanes& second, unsigned char const* input, std::size_t place) noexcept {
        add(first, input, place);
        add(second, input + sizeof first, place + sizeof first);
    }

    [[gnu::target("avx2"), gnu::always_inline]] static inline void
    add_stripes(lanes& first, lanes& second, unsigned char const* input,
                std::size_t count) noexcept {
#pragma GCC unroll 4
        for (std::size_t i = 0; i < count; ++i) {
            add(first, second, input + i * stripe, i * sizeof(std::uint64_t));
        }
    }

    [[gnu::target("avx2"), gnu::always_inline]] static inline void
    scramble(lanes& sums, std::size_t place) noexcept {
        lanes const factor{xxh3::prime32_1, xxh3::prime32_1, xxh3::prime32_1, xxh3::prime32_1};
        lanes const mixed = sums ^ (sums >> 47) ^ load(secret_at(place));
        sums = multiply(mixed, factor) + (multiply(mixed >> 32, factor) << 32);
    }

    [[nodiscard]] static std::uint64_t merge(std::array<std::uint64_t, 8> const& sums,
                                             std::uint64_t start, std::size_t place) noexcept {
        std::array<std::uint64_t, 8> key{};
        std::memcpy(key.data(), secret_at(place), sizeof key);
        for (std::size_t i = 0; i < sums.size(); i += 2) {
            start += xxh3::folded_product(sums[i] ^ key[i], sums[i + 1] ^ key[i + 1]);
        }
        return xxh3::avalanche(start);
    }
};

// A constructor in libgcc detects the processor; before it runs, this returns null, and the digests are the
// same.
MEMO_DEFINITION long_hash* faster_long_hash() noexcept {
    return __builtin_cpu_supports("avx2") ? &avx2_hash::digest : nullptr;
}

#else

MEMO_DEFINITION long_hash* faster_long_hash() noexcept {
    return nullptr;
}

#endif

} // namespace memo::detail
