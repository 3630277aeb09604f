// SPDX-License-Identifier: BSL-1.0
#pragma once

// How long something took.

#include <chrono>

namespace examples {

/// Runs from its construction on.
class stopwatch {
  public:
    /// Seconds since the start, by the wall clock.
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace examples
