// SPDX-License-Identifier: BSL-1.0
#pragma once

// Settings of memo::disk, checked.

#include <memo/backends/disk_settings.hpp>
#include <memo/error.hpp>
#include <memo/time_span.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace memo::detail {

/// Throws:         memo::error (configuration) for negative times
inline disk_settings checked(disk_settings chosen) {
    if (chosen.max_wait.is_negative()) {
        throw error(errc::configuration, "disk: .max_wait is negative; give how long a call waits "
                                         "for another process, or 0 for as long as it takes");
    }
    if (chosen.max_age.is_negative()) {
        throw error(errc::configuration, "disk: .max_age is negative; give how old a record may "
                                         "be, or 0 for any age");
    }
    return chosen;
}

/// The longest wait for a lock of the store's own. Its holders release it within microseconds, unless they
/// open or close a large cache.
[[nodiscard]] inline std::chrono::nanoseconds max_lock_wait(disk_settings const& chosen) {
    constexpr std::chrono::nanoseconds max_wait = std::chrono::seconds(10);
    std::chrono::nanoseconds const wait = chosen.max_wait;
    return wait.count() == 0 ? max_wait : (std::min)(wait, max_wait);
}

} // namespace memo::detail
