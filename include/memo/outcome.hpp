// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::outcome: the value of a call, its source, and the reason of a miss.

#include <cstdint>
#include <optional>
#include <string_view>

namespace memo {

/// Where a value came from: the cache, this call's evaluation, a record to which this call added samples,
/// or another caller's evaluation.
enum class source { hit, computed, refined, coalesced };

/// Why a lookup returned no record that serves the call.
enum class miss_reason : std::uint8_t {
    absent,       ///< nothing is stored for the key
    expired,      ///< the record's ttl, or the store's bound of age, was over
    corrupt,      ///< the record failed a check, or could not be decoded
    other_stream, ///< verify_full: the record belongs to other arguments that have the same key
    unsettled,    ///< averaged: the mean does not meet the stopping rule
    unavailable,  ///< the store did not answer, or failed
    version,      ///< the store knows the function only under another version
};

/// The name of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(miss_reason reason) noexcept {
    switch (reason) {
    case miss_reason::absent:
        return "absent";
    case miss_reason::expired:
        return "expired";
    case miss_reason::corrupt:
        return "corrupt";
    case miss_reason::other_stream:
        return "other_stream";
    case miss_reason::unsettled:
        return "unsettled";
    case miss_reason::unavailable:
        return "unavailable";
    case miss_reason::version:
        return "version";
    }
    return "unknown";
}

/// The value of a call, its source, and the reason of a miss.
template <class R> struct outcome {
    R value;
    memo::source source = memo::source::hit;
    std::optional<miss_reason> reason{}; ///< why the lookup missed; none: a hit
};

} // namespace memo
