// SPDX-License-Identifier: BSL-1.0
#pragma once

// The kind of a record: a field of every frame, by which backends and tools distinguish records.

#include <cstdint>

namespace memo::detail {

/// The content of a frame. A record type declares its kind by specializing `kind_of_record`.
enum class record_kind : std::uint8_t {
    value = 0,   ///< the result of an exact function, or a record of unknown kind
    moments = 1, ///< the running moments of an averaged function
    name = 2,    ///< not a record: name and version of a function, for tools
    bets = 3,    ///< the running moments of an averaged function, and the bets on them
};

/// Whether updates merge new samples into a record, instead of replacing it.
constexpr bool is_merged(record_kind kind) noexcept {
    return kind == record_kind::moments || kind == record_kind::bets;
}

template <class Record> inline constexpr record_kind kind_of_record = record_kind::value;

} // namespace memo::detail
