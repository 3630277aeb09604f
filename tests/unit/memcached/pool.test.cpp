// SPDX-License-Identifier: BSL-1.0

// Which connection the pool returns, and when it closes idle ones.

#include "support/child_process.hpp"
#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/endpoint.hpp>
#include <memo/detail/memcached/pool.hpp>
#include <memo/detail/memcached/transport.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

using memo::detail::connection_settings;
using memo::detail::deadline;
using memo::detail::endpoint;
using memo::detail::wire_code;
using memo::detail::wire_item;
using memo::detail::wire_reply;
using namespace std::chrono_literals;

namespace {

/// A connection without a server, with a number.
struct numbered {
    static inline int made = 0;
    static inline std::set<int> alive;
    static inline std::set<int> abandoned;

    int number = ++made;
    bool is_connected = false;
    bool has_lost_descriptor = false;

    numbered(endpoint const&, connection_settings const&) { alive.insert(number); }
    numbered(numbered const&) = delete;
    numbered& operator=(numbered const&) = delete;
    ~numbered() { alive.erase(number); }

    wire_code open() {
        is_connected = true;
        return wire_code::done;
    }
    [[nodiscard]] bool is_open() const { return is_connected; }
    [[nodiscard]] bool is_intact() const { return !has_lost_descriptor; }
    void abandon() const { abandoned.insert(number); }
    std::uint64_t times_opened() { return 1; }
    wire_reply get(std::string_view, deadline) { return {}; }
    wire_code set(std::string_view, wire_item const&, deadline) { return wire_code::done; }
    wire_code add(std::string_view, wire_item const&, deadline) { return wire_code::done; }
    wire_code exchange(std::string_view, wire_item const&, std::uint64_t, deadline) {
        return wire_code::done;
    }
    wire_code erase(std::string_view, deadline) { return wire_code::done; }
    wire_reply count(std::string_view, std::uint64_t, std::uint64_t, deadline) { return {}; }
};

/// A clock that a test sets.
struct set_clock : std::chrono::steady_clock {
    static inline time_point time{1h};
    static time_point now() { return time; }
};

using pool = memo::detail::connection_pool_by<numbered, set_clock>;

struct fresh_pool {
    fresh_pool() { numbered::made = 0; }

    endpoint server;
    connection_settings settings{};
    pool connections{server, settings};

    [[nodiscard]] int next() { return (*connections.take()).number; }

    /// Takes n open connections, and returns them in the order of their numbers.
    void use_at_once(int count) {
        std::vector<std::optional<pool::lease>> leases;
        for (int i = 0; i < count; ++i) {
            (**leases.emplace_back(connections.take())).open();
        }
        for (auto& lease : leases) {
            lease.reset();
        }
    }
};

} // namespace

TEST_CASE("the pool returns the last used connection first, and closed ones last") {
    fresh_pool test;
    test.use_at_once(3);
    CHECK(test.next() == 3);
    {
        auto closed = test.connections.take();
        auto open = test.connections.take();
        (*closed).is_connected = false;
    }
    CHECK(test.next() == 2);
    {
        auto first = test.connections.take();
        auto second = test.connections.take();
        CHECK((*second).number == 1);
        auto third = test.connections.take();
        CHECK((*third).number == 3); // there is no other
    }
    CHECK(numbered::made == 3);
}

TEST_CASE("connections are closed after two idle seconds, and not while in use") {
    fresh_pool test;
    test.use_at_once(20);
    CHECK(numbered::alive.size() == 20);
    for (int i = 0; i < 30; ++i) {
        set_clock::time += 100ms;
        CHECK(test.next() == 20);
        CHECK((numbered::alive.size() == 1) == (i >= 19));
    }
    set_clock::time += 1h;
    CHECK(test.next() == 20); // the last one stays
}

TEST_CASE("a connection whose descriptor was reused is not offered") {
    fresh_pool test;
    test.use_at_once(3);
    {
        auto one = test.connections.take();
        auto other = test.connections.take();
        (*one).has_lost_descriptor = true;
        (*other).has_lost_descriptor = true;
    }
    CHECK(test.next() == 1);
    CHECK(numbered::alive == std::set<int>{1});
}

TEST_CASE("a child abandons its parent's connections") {
    fresh_pool test;
    test.use_at_once(3);
    auto in_use = std::optional(test.connections.take());
    auto child = memo_test::child_process::running([&] {
        bool const is_new = test.next() == 4;
        bool const are_left = numbered::abandoned == std::set<int>{1, 2};
        in_use.reset();
        bool const is_left = numbered::abandoned == std::set<int>{1, 2, 3};
        return is_new && are_left && is_left && test.next() == 4 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    CHECK(numbered::abandoned.empty());
}
