// SPDX-License-Identifier: BSL-1.0
#pragma once

// The hash midstate of a function: the part of the digest that depends only on the scope, with which all of
// the function's streams begin. It is computed once.
//
// XXH3 mixes the first two words of a short input with each other before it mixes them with the rest, and
// the guard is a sum. So no call repeats either (docs/decisions/0041-stream-head.md).

#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/key/xxh3.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace memo::detail {

inline constexpr std::size_t scope_words = 2;

/// Source: xxHash, doc/xxhash_spec.md, "XXH3 Algorithm Details (medium inputs)": 17 to 128 bytes.
class hash_midstate {
  public:
    /// Maximum of words after the scope in a stream that this class digests.
    static constexpr std::size_t max_words = 128 / word_size - scope_words - 1;

    // NOLINTNEXTLINE(google-explicit-constructor): a function of the scope alone
    constexpr hash_midstate(key128 scope) noexcept
        : scope_(scope),
          guard_(scope.low * guard_factors[0] + scope.high * guard_factors[1]),
          mixed_(mix(scope.low, scope.high, 0)),
          sum_(scope.low + scope.high) {}

    [[nodiscard]] constexpr key128 scope() const noexcept { return scope_; }

    /// The digest of the stream of the scope and these words: equals `hash128` of them and their guard.
    // Inlined by force: in a file with several functions g++ does not inline it, and a key of 800 bytes costs
    // 10 % more.
    template <std::size_t Count>
    [[nodiscard, gnu::always_inline]] constexpr inline unfinalized_key
    digest(std::span<std::uint64_t const, Count> rest) const noexcept requires(Count <= max_words) {
        constexpr std::size_t size = scope_words + Count + 1;
        std::array<std::uint64_t, size> all{scope_.low, scope_.high};
        for (std::size_t i = 0; i < Count; ++i) {
            all[scope_words + i] = rest[i];
        }
        all[size - 1] = guard_of(rest);
        std::uint64_t low = size * word_size * xxh3::prime64_1;
        std::uint64_t high = 0;
        // Pairs from both ends, from the innermost to the outermost, which contains the scope.
        for (std::size_t pair = (size * word_size - 1) / 32; pair > 0; --pair) {
            std::size_t const first = 2 * pair;
            std::size_t const last = size - 2 * (pair + 1);
            low += mix(all[first], all[first + 1], 4 * pair);
            low ^= all[last] + all[last + 1];
            high += mix(all[last], all[last + 1], 4 * pair + 2);
            high ^= all[first] + all[first + 1];
        }
        low += mixed_;
        low ^= all[size - 2] + all[size - 1];
        high += xxh3::folded_product(all[size - 2] ^ secret_[0], all[size - 1] ^ secret_[1]);
        high ^= sum_;
        // XXH3's high word is low * prime64_1 + high * prime64_4 + a multiple of the size. Written by the sum,
        // which the low word is made of, it needs one product fewer.
        return {low + high, high * high_factor_ + size * word_size * xxh3::prime64_2};
    }

  private:
    template <std::size_t Count>
    [[nodiscard]] constexpr std::uint64_t
    guard_of(std::span<std::uint64_t const, Count> rest) const noexcept {
        std::uint64_t sum = guard_;
        if constexpr (Count > 0) {
            sum += rest[0] * first_factor_;
        }
        for (std::size_t i = 1; i < Count; ++i) {
            sum += rest[i] * guard_factors[scope_words + i];
        }
        return sum;
    }

    /// Mixes two words with two words of the secret.
    [[nodiscard]] static constexpr std::uint64_t mix(std::uint64_t one, std::uint64_t other,
                                                     std::size_t at) noexcept {
        return xxh3::folded_product(one ^ xxh3::secret[at], other ^ xxh3::secret[at + 1]);
    }

    key128 scope_;
    std::uint64_t guard_; ///< the scope's part of the guard
    std::uint64_t mixed_; ///< mix() of the scope's words
    std::uint64_t sum_;   ///< of the scope's words

    // Constants of all streams. A constant of 64 bits takes an instruction and ten bytes of code in each call; a
    // word of this object is an operand.
    std::array<std::uint64_t, 2> secret_{xxh3::secret[2], xxh3::secret[3]};
    std::uint64_t first_factor_ = guard_factors[scope_words];
    std::uint64_t high_factor_ = xxh3::prime64_4 - xxh3::prime64_1;
};

} // namespace memo::detail
