// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counts the invalidations of far tiers, so that no near tier stores a copy of an erased record.

#include <memo/key128.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace memo::detail {

/// The invalidations of far tiers. One per process, see process_wide, because several `tiered` may share two
/// stores.
///
/// Thread safety:  safe
class tier_invalidations {
  public:
    using count = std::atomic<std::uint64_t>;

    /// The count of a function, over all stores. A few functions share one.
    [[nodiscard]] count& of(key128 scope) noexcept { return counts_[scope.low % counts_.size()]; }

  private:
    std::array<count, 256> counts_{};
};

} // namespace memo::detail
