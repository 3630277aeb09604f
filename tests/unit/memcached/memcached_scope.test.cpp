// SPDX-License-Identifier: BSL-1.0

// The generations of one function's items, with concurrent clears.

#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/transport.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

using memo::detail::connection_settings;
using memo::detail::deadline;
using memo::detail::endpoint;
using memo::detail::memcached_scope;
using memo::detail::wire_code;
using memo::detail::wire_item;
using memo::detail::wire_reply;

namespace {

/// A server with a counter only.
struct counting {
    counting() = default;
    counting(endpoint const&, connection_settings const&) {}

    std::uint64_t counter = 100;
    wire_code code = wire_code::done;
    std::function<void()> before_answer; ///< what another thread does meanwhile; once

    wire_reply count(std::string_view, std::uint64_t, std::uint64_t step, deadline) {
        wire_reply reply;
        reply.code = code;
        reply.number = counter += code == wire_code::done ? step : 0;
        if (auto const meanwhile = std::exchange(before_answer, nullptr)) {
            meanwhile();
        }
        return reply;
    }
    wire_code open() { return code; }
    bool is_open() { return true; }
    bool is_intact() { return true; }
    void abandon() {}
    std::uint64_t times_opened() { return 1; }
    wire_reply get(std::string_view, deadline) { return {}; }
    wire_code set(std::string_view, wire_item const&, deadline) { return code; }
    wire_code add(std::string_view, wire_item const&, deadline) { return code; }
    wire_code exchange(std::string_view, wire_item const&, std::uint64_t, deadline) { return code; }
    wire_code erase(std::string_view, deadline) { return code; }
};

deadline soon() {
    return deadline(std::chrono::seconds(1));
}

/// What the next operation gets: the generation of its items, or a failure.
wire_code ask(memcached_scope& scope, counting& server, std::uint64_t& generation) {
    return scope.in_generation(server, 0, soon(), {}, [&](std::uint64_t number) {
        generation = number;
        return wire_code::done;
    });
}

wire_code ask(memcached_scope& scope, counting& server) {
    std::uint64_t unused = 0;
    return ask(scope, server, unused);
}

std::uint64_t generation_of(memcached_scope& scope, counting& server) {
    std::uint64_t generation = 0;
    CHECK(ask(scope, server, generation) == wire_code::done);
    return generation;
}

} // namespace

TEST_CASE("the last counted of concurrent clears applies") {
    memcached_scope scope("memo", {1, 2}, 1);
    counting server;
    scope.request_clear(0);
    server.before_answer = [&] {
        scope.request_clear(0);
        CHECK(ask(scope, server) == wire_code::done);
    };
    CHECK(ask(scope, server) == wire_code::done);
    CHECK(server.counter == 102);
    CHECK(generation_of(scope, server) == 102);
    CHECK(server.counter == 102);
}

TEST_CASE("a counter that was lost and starts lower is accepted") {
    memcached_scope scope("memo", {1, 2}, 1);
    counting server;
    CHECK(generation_of(scope, server) == 100);
    server.counter = 50;
    scope.request_clear(0);
    CHECK(generation_of(scope, server) == 51);
}

TEST_CASE("a clear that did not reach the server stays pending, whatever later clear reached it") {
    memcached_scope scope("memo", {1, 2}, 1);
    counting server;
    scope.request_clear(0);
    server.before_answer = [&] { // another one, of which the server is not told
        scope.request_clear(0);
        server.code = wire_code::timed_out;
        CHECK(ask(scope, server) == wire_code::timed_out);
        server.code = wire_code::done;
    };
    CHECK(ask(scope, server) == wire_code::done);
    CHECK(server.counter == 101);
    CHECK(ask(scope, server) == wire_code::done);
    CHECK(server.counter == 102);
    CHECK(ask(scope, server) == wire_code::done);
    CHECK(server.counter == 102);
}

TEST_CASE("a server is asked for the generation once in a second") {
    memcached_scope scope("memo", {1, 2}, 1);
    counting server;
    CHECK(generation_of(scope, server) == 100);
    server.counter = 200; // another process has cleared
    CHECK(generation_of(scope, server) == 100);
}
