// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::stats_report, a table of all memoized functions of the process that shows whether caching saves time.

#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/stats/report_table.hpp>
#include <memo/detail/system/process.hpp>

#include <cstddef>
#include <cstdlib>
#include <forward_list>
#include <iostream>
#include <ostream>
#include <string>
#include <unistd.h>

namespace memo {

/// Prints a table of all functions that were memoized in this process, including destroyed ones, since
/// they were wrapped or their counters were reset. One line has the sums over all functions of one name
/// and version, or of one type without a name. The lines are sorted by computing + saved seconds,
/// descending.
///
/// computing s     spent in the function
/// caching s       spent in the cache, a lower bound: the minimal measured latency of a lookup or store,
///                 for every lookup and store
/// saved s         that hits would have spent in the function
/// speed-up        (computing + saved) / computing; empty if nothing was computed
/// verdict         pays; pays little (less than 5 %); costs more than it saves; no call came twice; not
///                 called; audits disagree
///
/// Complexity:     linear in the functions; no operation on a backend
/// Thread safety:  safe; calls in progress may be counted in part
inline void stats_report(std::ostream& out) {
    std::forward_list<detail::titled_totals> rows;
    detail::process_wide<detail::function_registry>().for_each(
        [&](std::string const& title, detail::function_totals const& totals) {
            rows.push_front({title, totals});
        });
    rows.sort(detail::goes_before);
    std::string table = // printed at once, so that no other thread writes between its lines
        "      calls       hits evaluations  computing s  caching s    saved s speed-up  verdict"
        "                   function\n";
    detail::function_totals all;
    std::size_t count = 0;
    for (auto const& [title, function_totals] : rows) {
        table += detail::report_line(title, function_totals, detail::verdict(function_totals));
        all += function_totals;
        ++count;
    }
    if (count > 1) {
        table += detail::report_line("all", all, "");
    }
    out << table;
}

/// Prints stats_report on stderr when the process ends by exit() or by returning from main(). Further calls
/// have no effect. A child that is forked later does not print.
///
/// Thread safety:  safe
inline void stats_report_at_exit() {
    if (!detail::process_wide<detail::function_registry>().is_first_to_report()) {
        return;
    }
    static auto const process = ::getpid();
    std::atexit([] {
        try {
            if (::getpid() == process) {
                stats_report(std::cerr);
            }
        } catch (...) { // nothing can handle it at exit
            return;
        }
    });
}

} // namespace memo
