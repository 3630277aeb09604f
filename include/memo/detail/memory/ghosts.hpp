// SPDX-License-Identifier: BSL-1.0
#pragma once

// The keys of entries that went, for a while: one that comes back was worth keeping.

#include <array>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// Part of an order of eviction, see eviction.hpp. 32 bits of each key, in the place that other bits
/// choose, until another key that goes takes it: after about as many as a segment has entries.
class ghosts {
  public:
    /// Whether a key that comes is one of these; it is not afterwards.
    [[nodiscard]] bool take(std::uint64_t key) noexcept {
        std::uint32_t& place = place_of(key);
        bool const was_here = place == tag_of(key);
        if (was_here) {
            place = 0;
        }
        return was_here;
    }

    /// Adds a key that goes.
    void remember(std::uint64_t key) noexcept { place_of(key) = tag_of(key); }

  private:
    /// Not of the first bits, which all keys of a segment share, nor of those that choose a bucket.
    [[nodiscard]] std::uint32_t& place_of(std::uint64_t key) noexcept {
        return places_[(key >> 14) % places_.size()];
    }

    /// Never 0, which is nobody's; of bits that do not choose the place.
    [[nodiscard]] static std::uint32_t tag_of(std::uint64_t key) noexcept {
        return static_cast<std::uint32_t>(key >> 23) | 1;
    }

    std::array<std::uint32_t, 512> places_{};
};

} // namespace memo::detail
