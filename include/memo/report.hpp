// SPDX-License-Identifier: BSL-1.0
#pragma once

// What all memoized functions of the process have done, as a table for people: does it pay?

#include <memo/ledger.hpp>
#include <memo/process.hpp>
#include <memo/real.hpp>
#include <memo/statistics.hpp>
#include <memo/text.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <forward_list>
#include <iostream>
#include <ostream>
#include <string>
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
    return fixed_text(number, std::clamp(2 - before, 0, 6));
}

/// How much longer all of it would have taken without hits; empty where nothing was computed.
[[nodiscard]] inline std::string speed_up(statistics const& s) {
    double const computing = seconds_of(s.computing);
    return computing > 0 ? three_digits((computing + seconds_of(s.saved)) / computing) : "";
}

/// Whether remembering pays: callers that waited for another one's evaluation were spared one, too.
[[nodiscard]] inline std::string verdict(account const& a) {
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

/// A text at the right of a column.
[[nodiscard]] inline std::string cell(std::string const& text, std::size_t width) {
    return std::string(width - (std::min)(width, text.size()), ' ') + text;
}

[[nodiscard]] inline std::string account_line(std::string const& title, account const& a,
                                              std::string judged) {
    statistics const& s = a.counted;
    judged.resize((std::max)(judged.size(), std::size_t{24}), ' ');
    return cell(std::to_string(s.calls), 11) + cell(std::to_string(s.hits), 11) +
           cell(std::to_string(s.evaluations), 12) +
           cell(three_digits(seconds_of(s.computing)), 13) +
           cell(three_digits(seconds_of(a.caching)), 11) +
           cell(three_digits(seconds_of(s.saved)), 11) + cell(speed_up(s), 9) + "  " + judged +
           "  " + printable(title) + '\n';
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
    std::string table = // whole, whoever else writes there, and whatever flags are set
        "      calls       hits evaluations  computing s  caching s    saved s speed-up  verdict"
        "                   function\n";
    detail::account all;
    std::size_t count = 0;
    for (auto const& [title, account] : rows) {
        table += detail::account_line(title, account, detail::verdict(account));
        all += account;
        ++count;
    }
    if (count > 1) {
        table += detail::account_line("all", all, "");
    }
    out << table;
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
