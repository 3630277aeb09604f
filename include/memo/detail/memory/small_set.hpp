// SPDX-License-Identifier: BSL-1.0
#pragma once

// Keys in, whether each is seen for the first time out.

#include <array>
#include <cstddef>
#include <cstdint>

namespace memo::detail {

/// Keys of one segment, of which no more are there than it has slots. It needs no memory.
class small_set {
  public:
    /// Whether a key is seen for the first time.
    [[nodiscard]] bool add(std::uint64_t key) noexcept {
        std::size_t at = key >> 14; // as for ghosts
        while (places_[at % places_.size()] != 0 && places_[at % places_.size()] != key) {
            ++at;
        }
        std::uint64_t& place = places_[at % places_.size()];
        bool const is_first = place == 0; // which is no key
        place = key;
        return is_first;
    }

  private:
    std::array<std::uint64_t, 2048> places_{};
};

} // namespace memo::detail
