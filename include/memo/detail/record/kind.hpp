// SPDX-License-Identifier: BSL-1.0
#pragma once

// What kind of record a type is: said in every frame, and asked by backends that treat them differently.

#include <cstdint>

namespace memo::detail {

/// What a frame holds. A record type says another kind by specializing `kind_of_record`.
enum class record_kind : std::uint8_t {
    value = 0,   ///< the result of an exact function, or a record that nothing is known of
    moments = 1, ///< the running moments of an averaged function
    name = 2,    ///< not a record: what a function is called, for tools
};

template <class Record> inline constexpr record_kind kind_of_record = record_kind::value;

} // namespace memo::detail
