// SPDX-License-Identifier: BSL-1.0
#pragma once

// A `key128` without the last hash steps of its words, which converts to the final key and back. A table uses
// bits from before these steps, so only misses compute them (docs/decisions/0070-the-limit-of-a-hit.md).

#include <memo/detail/key/xxh3.hpp>
#include <memo/key128.hpp>

#include <cstdint>

namespace memo::detail {

/// Thread safety:  safe
class unfinalized_key {
  public:
    unfinalized_key() = default;

    /// low             the final low word before its avalanche step
    /// rest            the final high word before its avalanche step and without its multiple of `low`
    constexpr unfinalized_key(std::uint64_t low, std::uint64_t rest) noexcept
        : low_(low), rest_(rest) {}
    constexpr explicit unfinalized_key(key128 key) noexcept
        : low_(xxh3::before_avalanche(key.low)),
          rest_(xxh3::before_avalanche(0 - key.high) - low_ * xxh3::prime64_1) {}

    // NOLINTNEXTLINE(google-explicit-constructor): the same key
    [[nodiscard]] constexpr operator key128() const noexcept {
        return {xxh3::avalanche(low_), 0 - xxh3::avalanche(low_ * xxh3::prime64_1 + rest_)};
    }

    /// 64 bits that are spread as evenly as those of the final low word.
    [[nodiscard]] constexpr std::uint64_t low() const noexcept { return low_; }

    /// 16 bits that do not depend on these.
    [[nodiscard]] constexpr std::uint16_t tag() const noexcept {
        return static_cast<std::uint16_t>(rest_ >> 48);
    }

    friend constexpr bool operator==(unfinalized_key, unfinalized_key) = default;

  private:
    std::uint64_t low_ = 0;
    std::uint64_t rest_ = 0;
};

} // namespace memo::detail
