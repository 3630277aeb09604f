// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measures wall time.

#include <chrono>

namespace examples {

/// Starts when it is constructed.
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
