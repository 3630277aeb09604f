// SPDX-License-Identifier: BSL-1.0
#pragma once

// What happened, counted. When a counter moves is a contract: at rest, with no call under way,
// `calls == hits + misses + refinements + coalesced`.

#include <memo/detail/saturated.hpp>
#include <memo/detail/text.hpp>

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memo {

/// The counters of one memoized function, as of one moment.
struct statistics {
    std::uint64_t calls = 0;         ///< calls, elements of many, claims that hit or ran
    std::uint64_t hits = 0;          ///< calls served from the cache
    std::uint64_t misses = 0;        ///< calls that ran the function, or tried to
    std::uint64_t refinements = 0;   ///< calls that found a record and added samples to it
    std::uint64_t coalesced = 0;     ///< calls that were given another caller's evaluation
    std::uint64_t evaluations = 0;   ///< runs of the function that returned
    std::uint64_t failures = 0;      ///< runs of the function that threw
    std::uint64_t rejected = 0;      ///< results that store_if, on_nan or a changed state kept out
    std::uint64_t sets = 0;          ///< records that the backend stored
    std::uint64_t evictions = 0;     ///< records dropped to keep a bound
    std::uint64_t expirations = 0;   ///< records dropped because their time was over
    std::uint64_t errors = 0;        ///< operations of the backend that failed
    std::uint64_t timeouts = 0;      ///< of these, for lack of time
    std::uint64_t reconnects = 0;    ///< connections made again
    std::uint64_t corrupt = 0;       ///< records that failed a check and were not served
    std::uint64_t too_large = 0;     ///< records that the backend does not take for their size
    std::uint64_t audits = 0;        ///< hits for which the function was run again
    std::uint64_t disagreements = 0; ///< audits that contradicted what is stored
    std::chrono::nanoseconds computing{0}; ///< time spent in the function
    std::chrono::nanoseconds saved{0}; ///< time that hits would have spent in it; in memory to 12 %
                                       ///< a call; of more than 292 years, those

    statistics& operator+=(statistics const& other) noexcept;
    statistics& operator-=(statistics const& other) noexcept;
};

/// The counters of one of several functions.
struct named_statistics {
    std::string function;
    statistics counters;
};

/// Visits every counter in the order of declaration: visit(name, pointer to member, help text), for
/// exporters.
template <class Visit> void for_each_counter(Visit&& visit) {
    using s = statistics;
    visit("calls", &s::calls, "Calls, elements of many, and claims that hit or ran.");
    visit("hits", &s::hits, "Calls served from the cache.");
    visit("misses", &s::misses, "Calls that ran the function, or tried to.");
    visit("refinements", &s::refinements, "Calls that added samples to a record that they found.");
    visit("coalesced", &s::coalesced, "Calls that were given another caller's evaluation.");
    visit("evaluations", &s::evaluations, "Runs of the function that returned.");
    visit("failures", &s::failures, "Runs of the function that threw.");
    visit("rejected", &s::rejected, "Results that store_if or on_nan kept out of the record.");
    visit("sets", &s::sets, "Records that the backend stored.");
    visit("evictions", &s::evictions, "Records dropped to keep a bound.");
    visit("expirations", &s::expirations, "Records dropped because their time was over.");
    visit("errors", &s::errors, "Operations of the backend that failed.");
    visit("timeouts", &s::timeouts, "Operations of the backend that failed for lack of time.");
    visit("reconnects", &s::reconnects, "Connections made again.");
    visit("corrupt", &s::corrupt, "Records that failed a check and were not served.");
    visit("too_large", &s::too_large, "Records that the backend does not take for their size.");
    visit("audits", &s::audits, "Hits for which the function was run again.");
    visit("disagreements", &s::disagreements, "Audits that contradicted what is stored.");
    visit("computing_seconds", &s::computing, "Time spent in the function.");
    visit(
        "saved_seconds", &s::saved,
        "Time that hits would have spent in the function; in memory an estimate, to 12 % a call.");
}

inline statistics& statistics::operator+=(statistics const& other) noexcept {
    for_each_counter([&](auto, auto member, auto) {
        this->*member = detail::saturated_sum(this->*member, other.*member);
    });
    return *this;
}
inline statistics& statistics::operator-=(statistics const& other) noexcept {
    for_each_counter([&](auto, auto member, auto) { this->*member -= other.*member; });
    return *this;
}

/// One line for people: the counters that are not zero.
inline std::ostream& operator<<(std::ostream& out, statistics const& s) {
    std::string line;
    for_each_counter([&](std::string_view name, auto member, auto) {
        if (s.*member != decltype(s.*member){} || name == "calls") {
            line += line.empty() ? "" : ", ";
            line += name;
            line += ' ' + detail::counter_text(s.*member);
        }
    });
    return out << line;
}

/// A JSON object of all counters; times in seconds. No locale changes it.
[[nodiscard]] inline std::string to_json(statistics const& s) {
    std::string object;
    for_each_counter([&](std::string_view name, auto member, auto) {
        object += object.empty() ? "{\"" : ",\"";
        object += name;
        object += "\":" + detail::counter_text(s.*member);
    });
    return object + '}';
}

/// The counters of several functions in Prometheus' text format, as one text for a scrape: each counter
/// is a metric `memo_<counter>_total{function="…"}` with one line of help and one of its type. Functions
/// of one name are one sample, their sum. No locale changes it.
///
/// Source:         prometheus.io, "Exposition formats", text-based format 0.0.4
[[nodiscard]] inline std::string to_prometheus(std::vector<named_statistics> const& functions) {
    std::vector<named_statistics> samples; // by their labels: an invalid byte has become U+FFFD
    for (auto const& [function, counters] : functions) {
        std::string label = detail::prometheus_label(function);
        auto same = samples.begin();
        while (same != samples.end() && same->function != label) {
            ++same;
        }
        if (same != samples.end()) {
            same->counters += counters;
        } else {
            samples.push_back({std::move(label), counters});
        }
    }
    std::string text;
    for_each_counter([&](std::string_view name, auto member, std::string_view help) {
        std::string const metric = "memo_" + std::string(name) + "_total";
        text += "# HELP " + metric + ' ' + std::string(help) + '\n';
        text += "# TYPE " + metric + " counter\n";
        for (auto const& [label, counters] : samples) {
            text += metric + "{function=\"" + label + "\"} " +
                    detail::counter_text(counters.*member) + '\n';
        }
    });
    return text;
}

/// The same of one function. A scrape may have each counter's lines of help and type but once: who has
/// several functions gives them all to the one above.
[[nodiscard]] inline std::string to_prometheus(statistics const& s, std::string_view function) {
    return to_prometheus({{std::string(function), s}});
}

} // namespace memo
