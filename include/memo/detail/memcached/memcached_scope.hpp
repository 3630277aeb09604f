// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's part of the servers: its counters, the names of its items, and the generation on each
// server by which clear() drops all of them at once.
//
// The generation is a counter at `<name_space>:<scope>:gen`, which clear() increments. It starts with the
// time of day in us, so that a new counter never repeats a number of one that the server has dropped.

#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/byte_store/cached_generation.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace memo::detail {

/// Counters of one function.
struct memcached_counters : byte_counters {
    std::atomic<std::uint64_t> timeouts{0};
    std::atomic<std::uint64_t> reconnects{0};
    std::atomic<std::uint64_t> conflicts{0};
    std::atomic<std::uint64_t> ambiguous{0};
    std::atomic<std::uint64_t> skipped{0};
    std::atomic<std::uint64_t> desynchronized{0};
    std::atomic<std::uint64_t> server_full{0};
    std::atomic<std::uint64_t> breaker_opens{0};
    std::atomic<std::uint64_t> lease_waits{0};
};

/// One function's items on all servers.
///
/// Thread safety:  safe
class memcached_scope {
  public:
    memcached_scope(std::string const& name_space, key128 scope, std::size_t servers)
        : names(name_space, scope), generations_(servers) {}

    std::uint64_t const number = next_number(); ///< unique in this process, unlike an address
    item_names const names;
    memcached_counters counters;

    /// Runs operation(generation). Passes a pending clear() to the server first.
    ///
    /// connected       the last time that this process connected to the server: it may have started anew,
    ///                 without the generation that was read before
    /// Complexity:     one round trip more in a second, after a clear() and after `connected`
    template <wire_connection Connection, class Operation>
    [[nodiscard]] wire_code in_generation(Connection& connection, std::size_t server,
                                          deadline const& by, deadline::clock::time_point connected,
                                          Operation const& operation) {
        std::uint64_t const fresh = generations_[server].fresh(by.begun(), connected);
        if (fresh != 0) {
            return operation(fresh);
        }
        wire_reply const reply = ask_generation(connection, generations_[server], by);
        return reply.code == wire_code::done ? operation(reply.number) : reply.code;
    }

    void request_clear(std::size_t server) noexcept { generations_[server].request_clear(); }

  private:
    template <wire_connection Connection>
    [[nodiscard]] wire_reply ask_generation(Connection& connection, cached_generation& generation,
                                            deadline const& by) {
        std::uint64_t const before = generation.number();
        bool const clears_now = generation.is_clear_pending();
        std::uint64_t const clears = generation.clears();
        wire_reply const reply =
            connection.count(names.generation(), first_number(), clears_now ? 1 : 0, by);
        if (reply.code == wire_code::done && clears_now) {
            generation.cleared(clears, reply.number);
        } else if (reply.code == wire_code::done) {
            generation.loaded(before, reply.number, by.begun());
        }
        return reply;
    }

    [[nodiscard]] static std::uint64_t next_number() noexcept {
        static std::atomic<std::uint64_t> last{0};
        return last.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    [[nodiscard]] static std::uint64_t first_number() {
        auto const now = std::chrono::system_clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    }

    std::vector<cached_generation> generations_; ///< one per server
};

} // namespace memo::detail
