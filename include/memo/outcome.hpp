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
///
/// An edition of a name is one function's scope: version or build, signature, kind of record, hash_prefix and
/// the state that memo::keyed names. `version` takes the place of `absent` where the store had records under
/// the name, and none of this edition, when the process first wrapped the function over the store. That
/// holds for as long as the process has the store open. Once a record of the edition is stored, later
/// processes get `absent`. memo::disk returns it, and memo::tiered over one.
enum class miss_reason : std::uint8_t {
    absent,       ///< nothing is stored for the key
    expired,      ///< the record's ttl, or the store's bound of age, was over
    corrupt,      ///< the record failed a check, or could not be decoded
    other_stream, ///< verify_full: the record belongs to other arguments that have the same key
    unsettled,    ///< averaged: the mean does not meet the stopping rule
    unavailable,  ///< the store did not answer, or failed
    version, ///< nothing is stored for the key, and the store knew only other editions of the name
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
