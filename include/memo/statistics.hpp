// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of functions and backends, and their exports. The meaning of each counter is a contract:
// while no call is in progress, `calls == hits + misses + refinements + coalesced`.

#include <memo/detail/system/compiled.hpp>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace memo {

/// The counters of a backend, for one function or for all.
struct backend_statistics {
    std::uint64_t entries = 0; ///< records in the store
    std::uint64_t bytes = 0;   ///< of these records, in the store
    std::uint64_t evictions = 0;
    std::uint64_t expirations = 0;
    std::uint64_t errors = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t too_large = 0;

    backend_statistics& operator+=(backend_statistics const& other) noexcept;
};

/// The counters of one memoized function at one moment.
struct statistics {
    std::uint64_t calls = 0;         ///< calls, elements of many, claims that hit or ran
    std::uint64_t hits = 0;          ///< calls served from the cache
    std::uint64_t misses = 0;        ///< calls that ran the function, or tried to
    std::uint64_t refinements = 0;   ///< calls that added samples to an existing record
    std::uint64_t coalesced = 0;     ///< calls served by another caller's evaluation
    std::uint64_t evaluations = 0;   ///< runs of the function that returned
    std::uint64_t failures = 0;      ///< runs of the function that threw
    std::uint64_t rejected = 0;      ///< results refused by store_if, on_nan or a changed state
    std::uint64_t sets = 0;          ///< records that the backend stored
    std::uint64_t evictions = 0;     ///< records erased to respect a bound
    std::uint64_t expirations = 0;   ///< records erased after their time to live
    std::uint64_t errors = 0;        ///< operations of the backend that failed
    std::uint64_t timeouts = 0;      ///< of these, timeouts
    std::uint64_t reconnects = 0;    ///< reconnections
    std::uint64_t corrupt = 0;       ///< records that failed a check and were not served
    std::uint64_t too_large = 0;     ///< records that the backend refused for their size
    std::uint64_t audits = 0;        ///< hits for which the function ran again
    std::uint64_t disagreements = 0; ///< audits whose result contradicted the record
    // The misses by miss_reason; their sum is `misses`.
    std::uint64_t misses_absent = 0;
    std::uint64_t misses_expired = 0;
    std::uint64_t misses_corrupt = 0;
    std::uint64_t misses_other_stream = 0;
    std::uint64_t misses_unsettled = 0;
    std::uint64_t misses_unavailable = 0;
    std::uint64_t misses_version = 0;
    std::chrono::nanoseconds computing{0}; ///< time spent in the function
    std::chrono::nanoseconds saved{0}; ///< time that hits would have spent in it, to 12 % per call
                                       ///< in memory; saturates at 292 years

    statistics& operator+=(statistics const& other) noexcept;
    statistics& operator-=(statistics const& other) noexcept;

    /// Adds the events that a backend counted between two moments.
    statistics& add(backend_statistics const& now, backend_statistics const& before) noexcept;
};

/// The counters of one of several functions.
struct named_statistics {
    std::string function;
    statistics counters;
};

/// One counter of a function: its name and help text in exports, and its members.
struct counter {
    std::string_view name; ///< with the unit `_seconds` for a time
    std::string_view help;
    std::uint64_t statistics::*count = nullptr;           ///< null for a time
    std::chrono::nanoseconds statistics::*time = nullptr; ///< null for a count
    std::uint64_t backend_statistics::*backend = nullptr; ///< null if no backend counts it

    constexpr counter(std::string_view label, std::uint64_t statistics::*member,
                      std::string_view text,
                      std::uint64_t backend_statistics::*backend_member = nullptr)
        : name(label), help(text), count(member), backend(backend_member) {}
    constexpr counter(std::string_view label, std::chrono::nanoseconds statistics::*member,
                      std::string_view text)
        : name(label), help(text), time(member) {}
};

/// All counters, in the order of their export. Sums, differences, the threads' counters and all exports
/// iterate over this table, so a new counter is a member and a row.
inline constexpr counter all_counters[] = {
    {"calls", &statistics::calls, "Calls, elements of many, and claims that hit or ran."},
    {"hits", &statistics::hits, "Calls served from the cache."},
    {"misses", &statistics::misses, "Calls that ran the function, or tried to."},
    {"refinements", &statistics::refinements, "Calls that added samples to an existing record."},
    {"coalesced", &statistics::coalesced, "Calls served by another caller's evaluation."},
    {"evaluations", &statistics::evaluations, "Runs of the function that returned."},
    {"failures", &statistics::failures, "Runs of the function that threw."},
    {"rejected", &statistics::rejected, "Results refused by store_if, on_nan or a changed state."},
    {"sets", &statistics::sets, "Records that the backend stored."},
    {"evictions", &statistics::evictions, "Records erased to respect a bound.",
     &backend_statistics::evictions},
    {"expirations", &statistics::expirations, "Records erased after their time to live.",
     &backend_statistics::expirations},
    {"errors", &statistics::errors, "Operations of the backend that failed.",
     &backend_statistics::errors},
    {"timeouts", &statistics::timeouts, "Operations of the backend that timed out.",
     &backend_statistics::timeouts},
    {"reconnects", &statistics::reconnects, "Reconnections to a server.",
     &backend_statistics::reconnects},
    {"corrupt", &statistics::corrupt, "Records that failed a check and were not served.",
     &backend_statistics::corrupt},
    {"too_large", &statistics::too_large, "Records that the backend refused for their size.",
     &backend_statistics::too_large},
    {"audits", &statistics::audits, "Hits for which the function ran again."},
    {"disagreements", &statistics::disagreements, "Audits whose result contradicted the record."},
    {"misses_absent", &statistics::misses_absent, "Misses: nothing was stored for the key."},
    {"misses_expired", &statistics::misses_expired, "Misses: the record had expired."},
    {"misses_corrupt", &statistics::misses_corrupt, "Misses: the record failed a check."},
    {"misses_other_stream", &statistics::misses_other_stream,
     "Misses: the record belonged to other arguments."},
    {"misses_unsettled", &statistics::misses_unsettled, "Misses: the mean was not settled."},
    {"misses_unavailable", &statistics::misses_unavailable,
     "Misses: the store failed or did not answer."},
    {"misses_version", &statistics::misses_version,
     "Misses: the store had only other editions of the name."},
    {"computing_seconds", &statistics::computing, "Time spent in the function."},
    {"saved_seconds", &statistics::saved,
     "Time that hits would have spent in the function; to 12 % per call in memory."},
};
static_assert(sizeof(statistics) == std::size(all_counters) * sizeof(std::uint64_t),
              "each member of statistics has a row in all_counters");

/// Calls visit(name, pointer to member, help text) for every counter, in the order of the table.
template <class Visit> void for_each_counter(Visit&& visit) {
    for (counter const& each : all_counters) {
        each.count != nullptr ? visit(each.name, each.count, each.help)
                              : visit(each.name, each.time, each.help);
    }
}

/// The counters that are not zero, on one line.
[[nodiscard]] std::string to_string(statistics const& s);

/// Prints the counters that are not zero on one line.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             statistics const& s) {
    return out << to_string(s);
}

/// A JSON object of all counters; times in seconds. Independent of the locale.
[[nodiscard]] std::string to_json(statistics const& s);

/// The counters of several functions in Prometheus' text format, for one scrape. Each counter is a metric
/// `memo_<counter>_total{function="…"}` with one HELP and one TYPE line. Functions of equal name are one
/// sample, their sum. Independent of the locale.
///
/// Source:         prometheus.io, "Exposition formats", text-based format 0.0.4
[[nodiscard]] std::string to_prometheus(std::vector<named_statistics> const& functions);

/// The counters of one function. A scrape must not repeat HELP and TYPE lines, so pass several functions
/// to the overload above.
[[nodiscard]] std::string to_prometheus(statistics const& s, std::string_view function);

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "statistics.ipp"
#endif
