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

/// Throws:         memo::error (configuration) for settings that cannot be meant
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

/// How long is waited for a lock of the store's own. Who holds one goes on within microseconds, but for
/// one that opens or closes a large cache.
[[nodiscard]] inline std::chrono::nanoseconds max_lock_wait(disk_settings const& chosen) {
    constexpr std::chrono::nanoseconds most = std::chrono::seconds(10);
    std::chrono::nanoseconds const wait = chosen.max_wait;
    return wait.count() == 0 ? most : (std::min)(wait, most);
}

} // namespace memo::detail
