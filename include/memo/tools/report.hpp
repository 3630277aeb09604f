// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::stats_report, a table of all memoized functions of the process that shows whether caching saves time.

#include <memo/detail/stats/report_table.hpp>
#include <memo/detail/system/compiled.hpp>

#include <iosfwd>

namespace memo {

/// Prints a table of all functions that were memoized in this process, including destroyed ones, since
/// they were wrapped or their counters were reset. One line has the sums over all functions of one name
/// and version, or of one type without a name. The lines are sorted by computing + saved seconds,
/// descending.
///
/// computing s     spent in the function
/// caching s       spent in the cache, a lower bound: the minimal measured latency of a lookup or store,
///                 for every lookup and store
/// saved s         that hits and coalesced calls would have spent in the function
/// speed-up        (computing + saved) / computing; empty if nothing was computed
/// verdict         pays; pays little (less than 5 %); costs more than it saves; no call came twice; not
///                 called; audits disagree
///
/// A sentence below the table names the averaged functions whose means settled on identical samples although
/// no `.range` was declared.
///
/// Complexity:     linear in the functions; no operation on a backend
/// Thread safety:  safe; calls in progress may be counted in part
template <class Traits> void stats_report(std::basic_ostream<char, Traits>& out) {
    out << detail::report_table(); // at once, so that no other thread writes between its lines
}

/// Prints stats_report on stderr when the process ends by exit() or by returning from main(). Further calls
/// have no effect. A child that is forked later does not print.
///
/// Thread safety:  safe
void stats_report_at_exit();

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "report.ipp"
#endif
