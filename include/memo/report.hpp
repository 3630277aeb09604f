// SPDX-License-Identifier: BSL-1.0
#pragma once

// What all memoized functions of the process have done, as a table for people: does it pay?

#include <memo/ledger.hpp>
#include <memo/process.hpp>
#include <memo/real.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <forward_list>
#include <iostream>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace memo {

namespace detail {

[[nodiscard]] inline double seconds_of(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// Three digits at least, as far as microseconds have them.
[[nodiscard]] inline std::string three_digits(double number) {
    int const before = number > 0 ? static_cast<int>(real::floor(real::log10(number))) : 0;
    std::ostringstream out;
    out.precision(std::clamp(2 - before, 0, 6));
    out << std::fixed << number;
    return out.str();
}

/// How much longer all of it would have taken without hits; empty where nothing was computed.
[[nodiscard]] inline std::string speed_up(statistics const& s) {
    double const computing = seconds_of(s.computing);
    return computing > 0 ? three_digits((computing + seconds_of(s.saved)) / computing) : "";
}

/// Whether remembering pays: callers that waited for another one's evaluation were spared one, too.
[[nodiscard]] inline std::string_view verdict(account const& a) {
    statistics const& s = a.counted;
    if (s.disagreements != 0) {
        return "audits disagree";
    }
    if (s.calls == 0) {
        return "not called";
    }
    if (s.hits + s.coalesced == 0) {
        return "no call came twice";
    }
    double const computing = seconds_of(s.computing);
    double const runs = (std::max)(1.0, static_cast<double>(s.evaluations));
    double const spared = seconds_of(s.saved) + computing / runs * static_cast<double>(s.coalesced);
    if (spared <= seconds_of(a.caching)) {
        return "costs more than it saves";
    }
    return spared < 0.05 * computing ? "pays little" : "pays";
}

/// Fills a column. <iomanip> has manipulators for it, and brings <locale>.
template <class T> void print_cell(std::ostream& out, int width, T const& value) {
    out.width(width);
    out << value;
}

inline void print_account(std::ostream& out, std::string const& title, account const& a,
                          std::string_view judged) {
    statistics const& s = a.counted;
    out << std::right;
    print_cell(out, 11, s.calls);
    print_cell(out, 11, s.hits);
    print_cell(out, 12, s.evaluations);
    print_cell(out, 13, three_digits(seconds_of(s.computing)));
    print_cell(out, 11, three_digits(seconds_of(a.caching)));
    print_cell(out, 11, three_digits(seconds_of(s.saved)));
    print_cell(out, 9, speed_up(s));
    out << "  " << std::left;
    print_cell(out, 24, judged);
    out << "  " << title << '\n';
}

struct titled_account {
    std::string title;
    account sum;
};

/// The dearest first, equal ones by title.
[[nodiscard]] inline bool goes_before(titled_account const& one, titled_account const& other) {
    auto const seconds = sum_of(one.sum.counted.computing, one.sum.counted.saved);
    auto const others = sum_of(other.sum.counted.computing, other.sum.counted.saved);
    return seconds != others ? seconds > others : one.title < other.title;
}

} // namespace detail

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
    std::forward_list<detail::titled_account> rows;
    detail::process_wide<detail::ledger>().for_each(
        [&](std::string const& title, detail::account const& a) {
            rows.push_front({title, a});
        });
    rows.sort(detail::goes_before);
    std::ostringstream table; // whole, whoever else writes there, and whatever flags are set
    table
        << "      calls       hits evaluations  computing s  caching s    saved s speed-up  verdict"
           "                   function\n";
    detail::account all;
    std::size_t count = 0;
    for (auto const& [title, account] : rows) {
        detail::print_account(table, title, account, detail::verdict(account));
        all += account;
        ++count;
    }
    if (count > 1) {
        detail::print_account(table, "all", all, "");
    }
    out << table.str();
}

/// Prints stats_report on stderr when the process ends by exit() or by returning from main(); once,
/// however often it is asked for. A process that is forked after that prints none of its own.
///
/// Thread safety:  safe
inline void stats_report_at_exit() {
    if (!detail::process_wide<detail::ledger>().is_first_to_report()) {
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
