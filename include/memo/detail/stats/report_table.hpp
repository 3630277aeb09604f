// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lines and verdicts of memo::stats_report().

#include <memo/detail/math.hpp>
#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/text.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

namespace memo::detail {

[[nodiscard]] inline double seconds_of(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// Three digits at least, as far as microseconds have them.
[[nodiscard]] inline std::string three_digits(double number) {
    int const before = number > 0 ? static_cast<int>(math::floor(math::log10(number))) : 0;
    return fixed_text(number, std::clamp(2 - before, 0, 6));
}

/// How much longer all of it would have taken without hits; empty where nothing was computed.
[[nodiscard]] inline std::string speed_up(statistics const& s) {
    double const computing = seconds_of(s.computing);
    return computing > 0 ? three_digits((computing + seconds_of(s.saved)) / computing) : "";
}

/// Whether remembering pays: callers that waited for another one's evaluation were spared one, too.
[[nodiscard]] inline std::string verdict(function_totals const& a) {
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

[[nodiscard]] inline std::string report_line(std::string const& title, function_totals const& a,
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

struct titled_totals {
    std::string title;
    function_totals sum;
};

/// The dearest first, equal ones by title.
[[nodiscard]] inline bool goes_before(titled_totals const& one, titled_totals const& other) {
    auto const seconds = saturated_sum(one.sum.counted.computing, one.sum.counted.saved);
    auto const others = saturated_sum(other.sum.counted.computing, other.sum.counted.saved);
    return seconds != others ? seconds > others : one.title < other.title;
}

} // namespace memo::detail
