// SPDX-License-Identifier: BSL-1.0
#pragma once

// The table of memo::stats_report().

#include <memo/detail/system/compiled.hpp>
#include <memo/statistics.hpp>

#include <string>

namespace memo::detail {

/// A number with at least three significant digits, and at most six decimals.
[[nodiscard]] std::string three_digits(double number);

/// Adds the time that coalesced calls would have spent in the function to `saved`. Each would have led, so
/// it saves what a leader spends on average.
void add_coalesced(statistics& s);

struct function_totals;

/// Whether memoizing saves time.
///
/// totals          see add_coalesced()
[[nodiscard]] std::string verdict(function_totals const& totals);

/// See memo::stats_report().
[[nodiscard]] std::string report_table();

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "report_table.ipp"
#endif
