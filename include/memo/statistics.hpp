// SPDX-License-Identifier: BSL-1.0
#pragma once

// What happened, counted. When a counter moves is a contract: at rest, with no call under way,
// `calls == hits + misses + refinements + coalesced`.

#include <chrono>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>

namespace memo {
namespace detail {

/// The sum of two times, or the longest time there is if that is less.
[[nodiscard]] constexpr std::chrono::nanoseconds sum_of(std::chrono::nanoseconds one,
                                                        std::chrono::nanoseconds other) noexcept {
    constexpr auto longest = (std::chrono::nanoseconds::max)();
    return one.count() > 0 && other > longest - one ? longest : one + other;
}

/// The sum of two counts.
[[nodiscard]] constexpr std::uint64_t sum_of(std::uint64_t one, std::uint64_t other) noexcept {
    return one + other;
}

} // namespace detail

/// The counters of one memoized function, as of one moment.
struct statistics {
    std::uint64_t calls = 0;         ///< calls, elements of many, claims that hit or ran
    std::uint64_t hits = 0;          ///< calls served from the cache
    std::uint64_t misses = 0;        ///< calls that ran the function, or tried to
    std::uint64_t refinements = 0;   ///< calls that found a record and added samples to it
    std::uint64_t coalesced = 0;     ///< calls that were given another caller's evaluation
    std::uint64_t evaluations = 0;   ///< runs of the function that returned
    std::uint64_t failures = 0;      ///< runs of the function that threw
    std::uint64_t rejected = 0;      ///< results that store_if or on_nan kept out of the record
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
    std::chrono::nanoseconds saved{0}; ///< time that hits would have spent in it, to 12 % per call;
                                       ///< of more than 292 years, those

    statistics& operator+=(statistics const& other) noexcept {
        return change(other,
                      [](auto& mine, auto const& others) { mine = detail::sum_of(mine, others); });
    }
    statistics& operator-=(statistics const& other) noexcept {
        return change(other, [](auto& mine, auto const& others) { mine -= others; });
    }

  private:
    template <class Change> statistics& change(statistics const& other, Change by) noexcept {
        by(calls, other.calls);
        by(hits, other.hits);
        by(misses, other.misses);
        by(refinements, other.refinements);
        by(coalesced, other.coalesced);
        by(evaluations, other.evaluations);
        by(failures, other.failures);
        by(rejected, other.rejected);
        by(sets, other.sets);
        by(evictions, other.evictions);
        by(expirations, other.expirations);
        by(errors, other.errors);
        by(timeouts, other.timeouts);
        by(reconnects, other.reconnects);
        by(corrupt, other.corrupt);
        by(too_large, other.too_large);
        by(audits, other.audits);
        by(disagreements, other.disagreements);
        by(computing, other.computing);
        by(saved, other.saved);
        return *this;
    }
};

namespace detail {

/// Visits name and value of every counter, in the order of declaration; times in seconds.
template <class Visitor> void for_each_counter(statistics const& s, Visitor&& visit) {
    using seconds = std::chrono::duration<double>;
    visit("calls", s.calls);
    visit("hits", s.hits);
    visit("misses", s.misses);
    visit("refinements", s.refinements);
    visit("coalesced", s.coalesced);
    visit("evaluations", s.evaluations);
    visit("failures", s.failures);
    visit("rejected", s.rejected);
    visit("sets", s.sets);
    visit("evictions", s.evictions);
    visit("expirations", s.expirations);
    visit("errors", s.errors);
    visit("timeouts", s.timeouts);
    visit("reconnects", s.reconnects);
    visit("corrupt", s.corrupt);
    visit("too_large", s.too_large);
    visit("audits", s.audits);
    visit("disagreements", s.disagreements);
    visit("computing_seconds", seconds(s.computing).count());
    visit("saved_seconds", seconds(s.saved).count());
}

/// Text between quotes, for JSON and for Prometheus labels.
inline std::string escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += ' ';
        } else {
            out += c;
        }
    }
    return out;
}

} // namespace detail

/// One line for people: the counters that are not zero.
inline std::ostream& operator<<(std::ostream& out, statistics const& s) {
    char const* separator = "";
    detail::for_each_counter(s, [&](std::string_view name, auto value) {
        if (value != 0 || name == "calls") {
            out << separator << name << ' ' << value;
            separator = ", ";
        }
    });
    return out;
}

/// A JSON object of all counters; times in seconds.
[[nodiscard]] inline std::string to_json(statistics const& s) {
    std::ostringstream out;
    out.precision(17);
    char separator = '{';
    detail::for_each_counter(s, [&](std::string_view name, auto value) {
        out << separator << '"' << name << "\":" << value;
        separator = ',';
    });
    out << '}';
    return out.str();
}

/// The counters in Prometheus' text format, one `memo_<counter>_total{function="…"}` each.
/// Source: prometheus.io, "Exposition formats", text-based format 0.0.4.
[[nodiscard]] inline std::string to_prometheus(statistics const& s, std::string_view function) {
    std::ostringstream out;
    out.precision(17);
    detail::for_each_counter(s, [&](std::string_view name, auto value) {
        out << "# TYPE memo_" << name << "_total counter\n"
            << "memo_" << name << "_total{function=\"" << detail::escaped(function) << "\"} "
            << value << '\n';
    });
    return out.str();
}

} // namespace memo
