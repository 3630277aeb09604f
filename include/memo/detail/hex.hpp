// SPDX-License-Identifier: BSL-1.0
#pragma once

// Hexadecimal digits of words.

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace memo::detail {

/// The 16 lower-case hexadecimal digits of a word. Made eight at a time, because a name of memcached has 48.
class hex_digits {
  public:
    explicit constexpr hex_digits(std::uint64_t word) noexcept
        : digits_(std::bit_cast<std::array<char, 16>>(
              std::array{digits_of(word >> 32U), digits_of(word & 0xffffffff)})) {}

    [[nodiscard]] constexpr std::string_view text() const noexcept {
        return {digits_.data(), digits_.size()};
    }

  private:
    /// The digits of 32 bits, in memory the high one first: memo runs on little-endian machines only.
    [[nodiscard]] static constexpr std::uint64_t digits_of(std::uint64_t bits) noexcept {
        bits = (bits | bits << 16U) & 0x0000ffff0000ffff;
        bits = (bits | bits << 8U) & 0x00ff00ff00ff00ff;
        bits = (bits | bits << 4U) & 0x0f0f0f0f0f0f0f0f; // one digit in a byte
        std::uint64_t const letters = ((bits + 0x0606060606060606) >> 4U) & 0x0101010101010101;
        return __builtin_bswap64(bits + 0x3030303030303030 + letters * ('a' - '0' - 10));
    }

    std::array<char, 16> digits_;
};

} // namespace memo::detail
