// SPDX-License-Identifier: BSL-1.0
#pragma once

// The table of memo::stats_report().

#include <memo/detail/system/compiled.hpp>

#include <string>

namespace memo::detail {

/// A number with at least three significant digits, and at most six decimals.
[[nodiscard]] std::string three_digits(double number);

struct function_totals;

/// Whether memoizing saves time. A coalesced call counts as a saved evaluation.
[[nodiscard]] std::string verdict(function_totals const& totals);

/// See memo::stats_report().
[[nodiscard]] std::string report_table();

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "report_table.ipp"
#endif
