// SPDX-License-Identifier: BSL-1.0
#pragma once

// The part of the servers that belongs to one function: the names of its items, and the numbers by
// which all of them are dropped at once.
//
// An item is named `<name_space>:<scope>:<generation>:<key>`, hexadecimal but for the name space. The
// generation is a counter at `<name_space>:<scope>:gen` on the same server; clear() counts it up, and
// no item of the generation before is asked for again. A lease is named as its item, with `:lease`
// behind it. It begins with the time of day in us, so that
// a counter that the server has dropped does not come back with a number that was there before.

#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace memo::detail {

/// Counters of one function. Only what is rare is counted here, so that hits share no line.
struct memcached_counters {
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> timeouts{0};
    std::atomic<std::uint64_t> reconnects{0};
    std::atomic<std::uint64_t> corrupt{0};
    std::atomic<std::uint64_t> too_large{0};
    std::atomic<std::uint64_t> conflicts{0};
    std::atomic<std::uint64_t> ambiguous{0};
    std::atomic<std::uint64_t> skipped{0};
    std::atomic<std::uint64_t> desynchronized{0};
    std::atomic<std::uint64_t> server_full{0};
    std::atomic<std::uint64_t> breaker_opens{0};
    std::atomic<std::uint64_t> lease_waits{0};
};

inline void count_one(std::atomic<std::uint64_t>& counter) noexcept {
    counter.fetch_add(1, std::memory_order_relaxed);
}

/// One function's items on all servers.
///
/// Thread safety:  safe
class memcached_scope {
  public:
    /// How long another process may go on with a generation after a clear().
    static constexpr std::chrono::seconds generation_is_fresh{1};

    memcached_scope(std::string const& name_space, key128 scope, std::size_t servers)
        : prefix_(item_prefix(name_space, scope)),
          generation_name_(prefix_ + "gen"),
          generations_(servers) {}

    /// No other one of this process has had it, or will; an address comes again.
    std::uint64_t const number = next_number();

    memcached_counters counters;

    [[nodiscard]] item_name name_of(key128 key, std::size_t server) const {
        return name_of(key, server, "");
    }

    /// Of the item that says who computes what has this key.
    [[nodiscard]] item_name lease_name_of(key128 key, std::size_t server) const {
        return name_of(key, server, ":lease");
    }

    /// Does something to an item, once its name is known: the generation is in it.
    template <wire_connection Connection, class Operation>
    [[nodiscard]] wire_code in_generation(Connection& connection, std::size_t server,
                                          deadline const& by, Operation const& operation) {
        auto const known = know_generation(connection, server, by);
        return known == wire_code::done ? operation() : known;
    }

    /// Asks for the server's generation if it is not known or not fresh.
    ///
    /// Complexity:     no round trip, but for one in `generation_is_fresh` and after a clear()
    template <wire_connection Connection>
    [[nodiscard]] wire_code know_generation(Connection& connection, std::size_t server,
                                            deadline const& by) {
        generation& current = generations_[server];
        std::uint64_t known = current.number.load(std::memory_order_relaxed);
        bool const owes_clear = current.clears_paid.load(std::memory_order_relaxed) !=
                                current.clears.load(std::memory_order_relaxed);
        if (known != 0 && !owes_clear &&
            by.begun().time_since_epoch().count() <
                current.fresh_until.load(std::memory_order_relaxed)) {
            return wire_code::done;
        }
        if (owes_clear) {
            return count_up(connection, server, by);
        }
        wire_reply const reply = connection.count(generation_name_, first_number(), 0, by);
        if (reply.code == wire_code::done) {
            // Not if a clear() of this process has come in between.
            current.number.compare_exchange_strong(known, reply.number, std::memory_order_relaxed);
            is_fresh(current, by);
        }
        return reply.code;
    }

    /// Drops all of this function's items on one server. If it cannot be told now, it will be before
    /// anything of it is used again by this process.
    template <wire_connection Connection>
    [[nodiscard]] wire_code count_up(Connection& connection, std::size_t server,
                                     deadline const& by) {
        generation& current = generations_[server];
        std::uint64_t known = current.number.load(std::memory_order_relaxed);
        std::uint64_t const clears = current.clears.load(std::memory_order_relaxed);
        wire_reply const reply = connection.count(generation_name_, first_number(), 1, by);
        if (reply.code == wire_code::done) {
            // The last of several that were counted at one time; any if it was the only one, as a counter
            // that the server has lost may begin with less.
            while (!current.number.compare_exchange_strong(known, reply.number,
                                                           std::memory_order_relaxed) &&
                   known < reply.number) {
            }
            current.clears_paid.store(clears,
                                      std::memory_order_relaxed); // not those asked for since
            is_fresh(current, by);
        }
        return reply.code;
    }

    void owe_clear(std::size_t server) noexcept {
        generations_[server].clears.fetch_add(1, std::memory_order_relaxed);
    }

  private:
    struct generation {
        std::atomic<std::uint64_t> number{0}; ///< 0: not known
        std::atomic<std::int64_t> fresh_until{0};
        std::atomic<std::uint64_t> clears{0};      ///< that were asked for
        std::atomic<std::uint64_t> clears_paid{0}; ///< of them: those that the server was told
    };

    [[nodiscard]] item_name name_of(key128 key, std::size_t server, std::string_view suffix) const {
        return {prefix_, generations_[server].number.load(std::memory_order_relaxed), key, suffix};
    }

    static void is_fresh(generation& current, deadline const& by) {
        auto const until = by.begun() + generation_is_fresh;
        current.fresh_until.store(until.time_since_epoch().count(), std::memory_order_relaxed);
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

    std::string prefix_;
    std::string generation_name_;
    std::vector<generation> generations_;
};

} // namespace memo::detail
