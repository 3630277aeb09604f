// SPDX-License-Identifier: BSL-1.0
#pragma once

// What all memoized functions of the process have done, as a table for people: does it pay?

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

/// A table of all functions that were memoized in this process, those among them that have ended, with
/// what their calls took and saved since they were wrapped or their counters were reset. Functions of
/// one name and version, or without a name of one type, are one line. Those come first that have to do
/// with most seconds.
///
/// computing s     spent in the function
/// caching s       spent in the cache at least: each lookup, of hits too, and each store is taken to
///                 have been as quick as the quickest of those of misses that were timed
/// saved s         that hits would have spent in the function
/// speed-up        (computing + saved) / computing: what a run without hits would have taken, in units
///                 of what was computed; empty where nothing was
/// verdict         pays; pays little (less than 5 %); costs more than it saves; no call came twice; not
///                 called; audits disagree
///
/// Complexity:     linear in the functions; asks no backend
/// Thread safety:  safe, while functions are made, called and destroyed; calls under way may be counted
///                 in part
inline void stats_report(std::ostream& out) {
    std::forward_list<detail::titled_totals> rows;
    detail::process_wide<detail::function_registry>().for_each(
        [&](std::string const& title, detail::function_totals const& a) {
            rows.push_front({title, a});
        });
    rows.sort(detail::goes_before);
    std::string table = // whole, whoever else writes there, and whatever flags are set
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

/// Prints stats_report on stderr when the process ends by exit() or by returning from main(); once,
/// however often it is asked for. A process that is forked after that prints none of its own.
///
/// Thread safety:  safe
inline void stats_report_at_exit() {
    if (!detail::process_wide<detail::function_registry>().is_first_to_report()) {
        return;
    }
    static auto const asked_by = ::getpid();
    std::atexit([] {
        try {
            if (::getpid() == asked_by) {
                stats_report(std::cerr);
            }
        } catch (...) { // nobody is left to hear of it
            return;
        }
    });
}

} // namespace memo
