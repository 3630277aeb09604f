// SPDX-License-Identifier: BSL-1.0
#pragma once

// What was dropped from a far tier, counted, so that a copy of it is not kept near.

#include <memo/key128.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace memo::detail {

/// Counts what was dropped far, so that what was seen there before is not kept near: one per process, see
/// process_wide, as several `tiered` may be made of the same two stores.
///
/// Thread safety:  safe
class tier_drops {
  public:
    using count = std::atomic<std::uint64_t>;

    /// The count of a function, on whatever stores. Few functions share one.
    [[nodiscard]] count& of(key128 scope) noexcept { return counts_[scope.low % counts_.size()]; }

  private:
    std::array<count, 256> counts_{};
};

} // namespace memo::detail
