// SPDX-License-Identifier: BSL-1.0

// The addresses of servers, the server of a key, and the circuit breaker.

#include "support/keys.hpp"
#include <memo/backends/memcached.hpp>
#include <memo/detail/breaker.hpp>
#include <memo/detail/memcached/endpoint.hpp>
#include <memo/detail/memcached/ring.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/error.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

using memo::detail::breaker;
using memo::detail::resolve;
using memo::detail::server_ring;
using memo::detail::spell;
using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

/// A clock that lets another caller work at each reading.
struct clock_of_two_callers : std::chrono::steady_clock {
    static inline std::function<void()> other = [] {};

    static time_point now() {
        other();
        return std::chrono::steady_clock::now();
    }
};

} // namespace

TEST_CASE("a server is written as host, port, address or path") {
    auto const host_of = [](auto const& server) { return spell(server.addresses.front()).host; };
    auto const port_of = [](auto const& server) { return spell(server.addresses.front()).port; };
    CHECK(port_of(resolve("127.0.0.1")) == 11211);
    CHECK(port_of(resolve("127.0.0.1:5")) == 5);
    CHECK(host_of(resolve("127.0.0.1:5")) == "127.0.0.1");
    CHECK(host_of(resolve("localhost:5")) == host_of(resolve("localhost")));
    CHECK(host_of(resolve("[::1]:7")) == "::1");
    CHECK(port_of(resolve("[::1]:7")) == 7);
    CHECK(port_of(resolve("[::1]")) == 11211);
    CHECK(host_of(resolve("::1")) == "::1");
    CHECK(resolve("/run/a").is_unix());
    CHECK(host_of(resolve("unix:/run/a")) == "/run/a");
    CHECK_FALSE(resolve("127.0.0.1").is_unix());
}

TEST_CASE("an invalid server is refused with a text that shows the valid forms") {
    for (auto const* const text : {"", ":5", "host:", "127.0.0.1:abc", "127.0.0.1:99999", "[::1",
                                   "127.0.0.1:5 ", "no.such.host.invalid"}) {
        INFO(text);
        CHECK_THROWS_WITH(resolve(text), Catch::Contains("write host, host:port"));
    }
    CHECK_THROWS_AS(resolve(std::string(200, '/')), memo::error);
}

TEST_CASE("invalid settings are refused") {
    auto const refused = [](auto const& change) {
        memo::memcached_settings chosen;
        change(chosen);
        CHECK_THROWS_AS(memo::memcached(chosen), memo::error);
    };
    refused([](auto& s) { s.servers.clear(); });
    refused([](auto& s) { s.name_space = ""; });
    refused([](auto& s) { s.name_space = "a b"; });
    refused([](auto& s) { s.name_space = "a\r\nflush_all"; });
    refused([](auto& s) { s.name_space = std::string(65, 'a'); });
    refused([](auto& s) { s.operation_timeout = 0ms; });
    refused([](auto& s) { s.connect_timeout = -1ms; });
    refused([](auto& s) { s.ttl = -1s; });
    refused([](auto& s) { s.max_value_bytes = 0; });
    refused([](auto& s) { s.password = "secret"; });
    refused([](auto& s) { s.username = "a b"; });
    CHECK_NOTHROW(memo::memcached());
}

TEST_CASE("each server has about its share of the keys") {
    server_ring const ring({"a:1", "b:1", "c:1", "d:1"});
    std::vector<int> shares(4);
    for (std::uint64_t i = 0; i < 40'000; ++i) {
        ++shares[ring.server_of(key_of(i))];
    }
    for (int const share : shares) {
        CHECK(share > 7'000);
        CHECK(share < 13'000);
    }
}

TEST_CASE("an added server takes keys from the others and moves no key between them") {
    std::vector<std::string> names{"a:1", "b:1", "c:1"};
    server_ring const before(names);
    names.emplace_back("d:1");
    server_ring const after(names);
    int moved = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        std::size_t const now = after.server_of(key_of(i));
        if (now != before.server_of(key_of(i))) {
            CHECK(now == 3);
            ++moved;
        }
    }
    CHECK(moved > 1'500);
    CHECK(moved < 3'500);
}

TEST_CASE("the order in which servers are named does not matter") {
    std::vector<std::string> const forward{"a:1", "b:1", "c:1"};
    std::vector<std::string> const backward{"c:1", "b:1", "a:1"};
    server_ring const one(forward);
    server_ring const other(backward);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
        CHECK(forward[one.server_of(key_of(i))] == backward[other.server_of(key_of(i))]);
    }
}

TEST_CASE("a breaker opens after three failures in a row") {
    breaker guard;
    CHECK_FALSE(guard.failed(false));
    CHECK_FALSE(guard.failed(false));
    guard.succeeded();
    CHECK_FALSE(guard.failed(false));
    CHECK_FALSE(guard.failed(false));
    CHECK(guard.lets_pass(1s));
    CHECK(guard.failed(false));
    CHECK(guard.is_open());
    CHECK_FALSE(guard.lets_pass(1s));
    CHECK_FALSE(guard.failed(false)); // one who was under way
}

TEST_CASE("a breaker opens at once if the connection is refused") {
    breaker guard;
    CHECK(guard.failed(true));
    CHECK_FALSE(guard.lets_pass(1s));
    guard.succeeded();
    CHECK(guard.lets_pass(1s));
}

TEST_CASE("a breaker that opens while another caller succeeds is closed by the next success") {
    memo::detail::breaker_by<clock_of_two_callers> guard;
    clock_of_two_callers::other = [&guard] { guard.succeeded(); };
    guard.failed(true);
    clock_of_two_callers::other = [] {};
    CHECK(guard.is_open());
    guard.succeeded();
    CHECK_FALSE(guard.is_open());
    CHECK(guard.lets_pass(1s));
}

TEST_CASE("a TTL is sent as seconds up to 30 days, and as a date above") {
    constexpr std::int64_t day = 86'400;
    constexpr auto thirty_days = 24h * 30;
    auto const now = [] {
        return std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    using memo::detail::item_expiry;
    CHECK(item_expiry(5s) == 6); // the server must not drop it too early
    CHECK(item_expiry(1ns) == 1);
    CHECK(item_expiry(0ns) == -1); // over already
    CHECK(item_expiry(thirty_days - 1s) == 30 * day);
    auto const before = now();
    auto const date = item_expiry(thirty_days);
    CHECK(date >= before + 30 * day + 1);
    CHECK(date <= now() + 30 * day + 1);
    CHECK(item_expiry(std::chrono::nanoseconds::max()) == INT32_MAX);
}
