// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/saturated.hpp>
#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/stats/report_table.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/text.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <string>

namespace memo::detail {

MEMO_DEFINITION double seconds_of(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

MEMO_DEFINITION std::string three_digits(double number) {
    int const exponent = number > 0 ? static_cast<int>(math::floor(math::log10(number))) : 0;
    return fixed_text(number, std::clamp(2 - exponent, 0, 6));
}

MEMO_DEFINITION void add_coalesced(statistics& s) {
    constexpr double longest = 9.2e18;
    double const leaders = (std::max)(1.0, static_cast<double>(s.misses + s.refinements));
    double const ns =
        static_cast<double>(s.computing.count()) / leaders * static_cast<double>(s.coalesced);
    s.saved = saturated_sum(
        s.saved, std::chrono::nanoseconds(static_cast<std::int64_t>((std::min)(ns, longest))));
}

/// The time without the cache divided by the time with it; empty if nothing was computed.
MEMO_DEFINITION std::string speed_up(statistics const& s) {
    double const computing = seconds_of(s.computing);
    return computing > 0 ? three_digits((computing + seconds_of(s.saved)) / computing) : "";
}

MEMO_DEFINITION std::string verdict(function_totals const& totals) {
    statistics const& s = totals.counted;
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
    double const saved = seconds_of(s.saved);
    if (saved <= seconds_of(totals.caching)) {
        return "costs more than it saves";
    }
    return saved < 0.05 * computing ? "pays little" : "pays";
}

/// A text, right-aligned in a column.
MEMO_DEFINITION std::string cell(std::string const& text, std::size_t width) {
    return std::string(width - (std::min)(width, text.size()), ' ') + text;
}

MEMO_DEFINITION std::string report_line(std::string const& title, function_totals const& totals,
                                        std::string verdict) {
    statistics const& s = totals.counted;
    verdict.resize((std::max)(verdict.size(), std::size_t{24}), ' ');
    return cell(std::to_string(s.calls), 11) + cell(std::to_string(s.hits), 11) +
           cell(std::to_string(s.evaluations), 12) +
           cell(three_digits(seconds_of(s.computing)), 13) +
           cell(three_digits(seconds_of(totals.caching)), 11) +
           cell(three_digits(seconds_of(s.saved)), 11) + cell(speed_up(s), 9) + "  " + verdict +
           "  " + printable(title) + '\n';
}

/// The order of the lines: by computing + saved seconds, descending, then by title.
MEMO_DEFINITION bool goes_before(titled_totals const& one, titled_totals const& other) {
    auto const seconds = saturated_sum(one.sum.counted.computing, one.sum.counted.saved);
    auto const others = saturated_sum(other.sum.counted.computing, other.sum.counted.saved);
    return seconds != others ? seconds > others : one.title < other.title;
}

MEMO_DEFINITION std::string report_table() {
    std::forward_list<titled_totals> rows = process_wide<function_registry>().all();
    std::string without_range;
    for (auto& [title, sum] : rows) {
        add_coalesced(sum.counted);
    }
    rows.sort(goes_before);
    std::string table =
        "      calls       hits evaluations  computing s  caching s    saved s speed-up  verdict"
        "                   function\n";
    function_totals all;
    std::size_t count = 0;
    for (auto const& [title, sum] : rows) {
        table += report_line(title, sum, verdict(sum));
        all += sum;
        ++count;
        if (sum.needs_range) {
            append(without_range, {without_range.empty() ? "" : ", ", printable(title)});
        }
    }
    if (count > 1) {
        table += report_line("all", all, "");
    }
    if (!without_range.empty()) {
        append(table, {"Some means settled on identical samples, whose error counts as 0. Declare "
                       ".range = {{lowest, highest}} of the samples for: ",
                       without_range, "\n"});
    }
    return table;
}

} // namespace memo::detail
