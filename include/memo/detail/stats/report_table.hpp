// SPDX-License-Identifier: BSL-1.0
#pragma once

// The table of memo::stats_report().

#include <memo/detail/system/compiled.hpp>

#include <string>

namespace memo::detail {

/// A number with at least three significant digits, and at most six decimals.
[[nodiscard]] std::string three_digits(double number);

/// See memo::stats_report().
[[nodiscard]] std::string report_table();

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "report_table.ipp"
#endif
