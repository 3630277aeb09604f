// SPDX-License-Identifier: BSL-1.0
#pragma once

// Validates the settings of memo::disk.

#include <memo/backends/disk_settings.hpp>
#include <memo/error.hpp>
#include <memo/time_span.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace memo::detail {

/// Returns the settings.
///
/// Throws:         memo::error (configuration) for negative times
inline disk_settings validated(disk_settings settings) {
    if (settings.max_wait.is_negative()) {
        throw error(errc::configuration,
                    "disk: .max_wait is negative; set the time for which a call "
                    "waits for another process, or 0 for no limit");
    }
    if (settings.max_age.is_negative()) {
        throw error(errc::configuration,
                    "disk: .max_age is negative; set the maximal age of a record, "
                    "or 0 for no limit");
    }
    return settings;
}

/// The maximal wait for a lock of the store. Its owners release it within microseconds, unless they
/// open or close a large cache.
[[nodiscard]] inline std::chrono::nanoseconds max_lock_wait(disk_settings const& settings) {
    constexpr std::chrono::nanoseconds max_wait = std::chrono::seconds(10);
    std::chrono::nanoseconds const wait = settings.max_wait;
    return wait.count() == 0 ? max_wait : (std::min)(wait, max_wait);
}

} // namespace memo::detail
