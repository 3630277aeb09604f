// SPDX-License-Identifier: BSL-1.0
#pragma once

// A `key128` without the last hash step of its high word, which converts to the final key and back. A table
// uses bits of the high word before that step, so only misses compute it (docs/decisions/0044-hits.md).

#include <memo/detail/key/xxh3.hpp>
#include <memo/key128.hpp>

#include <cstdint>

namespace memo::detail {

/// Thread safety:  safe
class unfinalized_key {
  public:
    unfinalized_key() = default;

    /// high            before the avalanche step
    constexpr unfinalized_key(std::uint64_t low, std::uint64_t high) noexcept
        : low_(low), high_(high) {}
    constexpr explicit unfinalized_key(key128 key) noexcept
        : low_(key.low), high_(xxh3::before_avalanche(0 - key.high)) {}

    // NOLINTNEXTLINE(google-explicit-constructor): the same key
    [[nodiscard]] constexpr operator key128() const noexcept {
        return {low_, 0 - xxh3::avalanche(high_)};
    }

    [[nodiscard]] constexpr std::uint64_t low() const noexcept { return low_; }

    /// The upper 16 bits of the high word before the avalanche step.
    [[nodiscard]] constexpr std::uint16_t tag() const noexcept {
        return static_cast<std::uint16_t>(high_ >> 48);
    }

    friend constexpr bool operator==(unfinalized_key, unfinalized_key) = default;

  private:
    std::uint64_t low_ = 0;
    std::uint64_t high_ = 0;
};

} // namespace memo::detail
