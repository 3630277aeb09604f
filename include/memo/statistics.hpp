// SPDX-License-Identifier: BSL-1.0
#pragma once

// What happened, counted. When a counter moves is a contract: at rest, with no call under way,
// `calls == hits + misses + refinements + coalesced`.

#include <memo/detail/saturated.hpp>
#include <memo/detail/text.hpp>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memo {

/// What a backend counts, for one function or for all.
struct backend_statistics {
    std::uint64_t entries = 0; ///< records in the store
    std::uint64_t bytes = 0;   ///< that they take there
    std::uint64_t evictions = 0;
    std::uint64_t expirations = 0;
    std::uint64_t errors = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t too_large = 0;

    backend_statistics& operator+=(backend_statistics const& other) noexcept;
};

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
    // The misses by their miss_reason; the sum of these is `misses`.
    std::uint64_t misses_absent = 0;
    std::uint64_t misses_expired = 0;
    std::uint64_t misses_corrupt = 0;
    std::uint64_t misses_other_stream = 0;
    std::uint64_t misses_unsettled = 0;
    std::uint64_t misses_unavailable = 0;
    std::uint64_t misses_version = 0;
    std::chrono::nanoseconds computing{0}; ///< time spent in the function
    std::chrono::nanoseconds saved{0}; ///< time that hits would have spent in it; in memory to 12 %
                                       ///< a call; of more than 292 years, those

    statistics& operator+=(statistics const& other) noexcept;
    statistics& operator-=(statistics const& other) noexcept;

    /// Adds what a backend counted since an earlier moment.
    statistics& add(backend_statistics const& now, backend_statistics const& before) noexcept;
};

/// The counters of one of several functions.
struct named_statistics {
    std::string function;
    statistics counters;
};

/// One counter of a function: what exporters call it, and the members that hold it.
struct counter {
    std::string_view name; ///< of a time, with its unit: `_seconds`
    std::string_view help;
    std::uint64_t statistics::*count = nullptr; ///< null: it is a time
    std::chrono::nanoseconds statistics::*time = nullptr;
    std::uint64_t backend_statistics::*backend = nullptr; ///< where a backend counts it; or null

    constexpr counter(std::string_view its_name, std::uint64_t statistics::*member,
                      std::string_view its_help,
                      std::uint64_t backend_statistics::*of_backend = nullptr)
        : name(its_name), help(its_help), count(member), backend(of_backend) {}
    constexpr counter(std::string_view its_name, std::chrono::nanoseconds statistics::*member,
                      std::string_view its_help)
        : name(its_name), help(its_help), time(member) {}
};

/// All counters, in the order of their export. A row makes a member a counter: its sum, its difference,
/// each thread's tally and all exports come from here.
inline constexpr counter all_counters[] = {
    {"calls", &statistics::calls, "Calls, elements of many, and claims that hit or ran."},
    {"hits", &statistics::hits, "Calls served from the cache."},
    {"misses", &statistics::misses, "Calls that ran the function, or tried to."},
    {"refinements", &statistics::refinements,
     "Calls that added samples to a record that they found."},
    {"coalesced", &statistics::coalesced, "Calls that were given another caller's evaluation."},
    {"evaluations", &statistics::evaluations, "Runs of the function that returned."},
    {"failures", &statistics::failures, "Runs of the function that threw."},
    {"rejected", &statistics::rejected, "Results that store_if or on_nan kept out of the record."},
    {"sets", &statistics::sets, "Records that the backend stored."},
    {"evictions", &statistics::evictions, "Records dropped to keep a bound.",
     &backend_statistics::evictions},
    {"expirations", &statistics::expirations, "Records dropped because their time was over.",
     &backend_statistics::expirations},
    {"errors", &statistics::errors, "Operations of the backend that failed.",
     &backend_statistics::errors},
    {"timeouts", &statistics::timeouts, "Operations of the backend that failed for lack of time.",
     &backend_statistics::timeouts},
    {"reconnects", &statistics::reconnects, "Connections made again.",
     &backend_statistics::reconnects},
    {"corrupt", &statistics::corrupt, "Records that failed a check and were not served.",
     &backend_statistics::corrupt},
    {"too_large", &statistics::too_large, "Records that the backend does not take for their size.",
     &backend_statistics::too_large},
    {"audits", &statistics::audits, "Hits for which the function was run again."},
    {"disagreements", &statistics::disagreements, "Audits that contradicted what is stored."},
    {"misses_absent", &statistics::misses_absent, "Misses: nothing was stored for the key."},
    {"misses_expired", &statistics::misses_expired, "Misses: the time of the record was over."},
    {"misses_corrupt", &statistics::misses_corrupt, "Misses: what was stored failed a check."},
    {"misses_other_stream", &statistics::misses_other_stream,
     "Misses: the record belonged to other arguments."},
    {"misses_unsettled", &statistics::misses_unsettled, "Misses: the record had no mean yet."},
    {"misses_unavailable", &statistics::misses_unavailable,
     "Misses: the store failed or did not answer."},
    {"misses_version", &statistics::misses_version, "Misses: the store had another version."},
    {"computing_seconds", &statistics::computing, "Time spent in the function."},
    {"saved_seconds", &statistics::saved,
     "Time that hits would have spent in the function; in memory an estimate, to 12 % a call."},
};
static_assert(sizeof(statistics) == std::size(all_counters) * sizeof(std::uint64_t),
              "each member of statistics has a row in all_counters");

/// Visits every counter in that order: visit(name, pointer to member, help text).
template <class Visit> void for_each_counter(Visit&& visit) {
    for (counter const& each : all_counters) {
        each.count != nullptr ? visit(each.name, each.count, each.help)
                              : visit(each.name, each.time, each.help);
    }
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
inline statistics& statistics::add(backend_statistics const& now,
                                   backend_statistics const& before) noexcept {
    for (counter const& each : all_counters) {
        if (each.backend != nullptr) {
            this->*each.count += now.*each.backend - before.*each.backend;
        }
    }
    return *this;
}
inline backend_statistics&
backend_statistics::operator+=(backend_statistics const& other) noexcept {
    entries += other.entries;
    bytes += other.bytes;
    for (counter const& each : all_counters) {
        if (each.backend != nullptr) {
            this->*each.backend += other.*each.backend;
        }
    }
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
