// SPDX-License-Identifier: BSL-1.0
#pragma once

// The handling of failed operations: counters, error texts, and the last failure of each thread, so that one
// call never waits for the same server twice.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace memo::detail {

/// The last lookup of this thread, if it failed. A miss looks up twice and stores afterwards; without this, one
/// call would wait for a silent server three times.
struct failed_lookup {
    std::uint64_t scope = 0; ///< its number; 0: none
    key128 key{};
    std::chrono::steady_clock::time_point when{};
};

inline constinit thread_local failed_lookup failed_lookup_of_this_thread{};

inline void remember_failed_lookup(std::uint64_t scope, key128 key) {
    failed_lookup_of_this_thread = {scope, key, std::chrono::steady_clock::now()};
}

/// Forgets that of the scope: another tier of the same call may have failed.
inline void forget_failed_lookup(std::uint64_t scope) {
    if (failed_lookup_of_this_thread.scope == scope) {
        failed_lookup_of_this_thread.scope = 0;
    }
}

/// Whether this lookup has just failed.
[[nodiscard]] inline bool lookup_failed(std::uint64_t scope, key128 key,
                                        std::chrono::nanoseconds within) {
    failed_lookup const& last = failed_lookup_of_this_thread;
    return last.scope == scope && last.key == key &&
           std::chrono::steady_clock::now() - last.when < within;
}

/// Whether the last lookup was of this key and failed; true once.
[[nodiscard]] inline bool take_failed_lookup(std::uint64_t scope, key128 key) {
    failed_lookup const& last = failed_lookup_of_this_thread;
    bool const failed = last.scope == scope && last.key == key;
    if (failed) {
        forget_failed_lookup(scope);
    }
    return failed;
}

/// Counts the kind of a failure, beside the failure itself.
inline void count_failure(memcached_counters& counters, wire_code code) {
    switch (code) {
    case wire_code::timed_out:
        count_one(counters.timeouts);
        break;
    case wire_code::desynchronized:
        count_one(counters.desynchronized);
        break;
    case wire_code::too_large:
        count_one(counters.too_large);
        break;
    case wire_code::server_full:
        count_one(counters.server_full);
        break;
    default: // skipped operations are counted where they are skipped
        break;
    }
}

/// The outcome of an operation that must not throw: whether the server did it. Without a response it counts
/// the failure, remembers it as a failed lookup, so that the next lookup does not wait, and returns nothing.
[[nodiscard]] inline std::optional<bool> answer_of(wire_code code, memcached_scope& scope,
                                                   key128 key) {
    if (is_answer(code)) {
        return code == wire_code::done;
    }
    remember_failed_lookup(scope.number, key);
    count_failure(scope.counters, code);
    count_one(scope.counters.errors);
    return std::nullopt;
}

[[nodiscard]] inline std::string describe(wire_code code, memcached_settings const& settings,
                                          std::string const& server) {
    auto const milliseconds = [](std::chrono::nanoseconds time) {
        return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(time).count()) + " ms";
    };
    switch (code) {
    case wire_code::conflict:
        return "concurrent updates for " +
               milliseconds(20 * std::chrono::nanoseconds(settings.operation_timeout));
    case wire_code::too_large:
        return "the server does not take a record of this size; lower max_value_bytes or raise "
               "the server's option -I";
    case wire_code::server_full:
        return "the server has no memory for it";
    case wire_code::unable:
        return "the server has no memory to answer, or has another error of its own";
    case wire_code::crowded:
        return "the server takes no more connections; raise its option -c, or use fewer threads";
    case wire_code::refused:
        return "the server does not understand the meta protocol, or wants a username and password";
    case wire_code::timed_out:
        return "no response within " + milliseconds(settings.operation_timeout);
    case wire_code::connection_refused:
        return "nobody listens at " + server +
               "; start memcached there, or name another in .servers";
    case wire_code::unreachable:
        return "no connection within " + milliseconds(settings.connect_timeout);
    case wire_code::closed:
        return "the connection was closed";
    case wire_code::desynchronized:
        return "a response matched no request";
    case wire_code::skipped:
        return "not tried, because the server was unreachable a moment ago";
    case wire_code::done:
    case wire_code::absent:
        break;
    }
    return "nothing is wrong";
}

/// Handles the failed operations of one function: counts them, and throws under `strict`.
class memcached_troubles {
  public:
    memcached_troubles(memcached_counters& counters, memcached_settings const& settings,
                       on_error_policy on_error)
        : counters_(&counters),
          settings_(&settings),
          strict_(on_error == on_error_policy::strict ||
                  settings.on_error == on_error_policy::strict) {}

    /// Skips an operation, because the lookup of the same call has failed.
    void skip(char const* verb, key128 key, std::string const& server) const {
        count_one(counters_->skipped);
        if (strict_) {
            throw_failure(verb, key, wire_code::skipped, server);
        }
    }

    void failed(char const* verb, key128 key, wire_code code, std::string const& server) const {
        count_failure(*counters_, code);
        if (strict_) { // the function cache counts exceptions
            throw_failure(verb, key, code, server);
        }
        count_one(counters_->errors);
    }

  private:
    [[noreturn]] void throw_failure(char const* verb, key128 key, wire_code code,
                                    std::string const& server) const {
        throw error(errc::backend,
                    std::string("memcached ") + verb + ' ' + to_string(key) + ": " +
                        describe(code, *settings_, server) +
                        (code == wire_code::connection_refused ? "" : " (server " + server + ')'));
    }

    memcached_counters* counters_;
    memcached_settings const* settings_;
    bool strict_;
};

inline void count_if_ambiguous(memcached_counters& counters, wire_code code) {
    if (code == wire_code::timed_out || code == wire_code::closed ||
        code == wire_code::desynchronized) {
        count_one(counters.ambiguous);
    }
}

inline void add_to(backend_statistics& sum, memcached_counters const& counters) {
    counters.byte_counters::add_to(sum);
    sum.timeouts += counters.timeouts.load(std::memory_order_relaxed);
    sum.reconnects += counters.reconnects.load(std::memory_order_relaxed);
}

inline void add_to(memcached_statistics& sum, memcached_counters const& counters) {
    auto const value = [](auto const& counter) { return counter.load(std::memory_order_relaxed); };
    sum.conflicts += value(counters.conflicts);
    sum.ambiguous += value(counters.ambiguous);
    sum.skipped += value(counters.skipped);
    sum.desynchronized += value(counters.desynchronized);
    sum.server_full += value(counters.server_full);
    sum.breaker_opens += value(counters.breaker_opens);
    sum.lease_waits += value(counters.lease_waits);
}

} // namespace memo::detail
