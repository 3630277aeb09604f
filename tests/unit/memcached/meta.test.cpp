// SPDX-License-Identifier: BSL-1.0

// A connection with the meta protocol, to a server and to one that sends wrong responses.

#include "support/fault_proxy.hpp"
#include "support/fresh_memcached.hpp"
#include "support/memcached_client.hpp"
#include "support/memcached_server.hpp"
#include <memo/detail/memcached/wire/meta.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <list>
#include <pthread.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <utility>
#include <vector>

using memo::detail::connection_settings;
using memo::detail::deadline;
using memo::detail::endpoint;
using memo::detail::meta_connection;
using memo::detail::resolve;
using memo::detail::wire_code;
using memo_test::ample;
using memo_test::delivery;
using memo_test::fault_proxy;
using memo_test::memcached_server;
using namespace std::chrono_literals;

namespace {

connection_settings const patient{ample, ample, 1000, {}, {}};

deadline soon() {
    return deadline(ample);
}

std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string text_of(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// A connection whose responses a test changes.
struct lied_to {
    memcached_server server;
    fault_proxy proxy{server.port()};
    endpoint where = resolve(proxy.address());
    meta_connection connection{where, patient};

    wire_code get_with(std::function<void(std::string&)> const& lie) {
        proxy.inject({});
        CHECK(connection.open() == wire_code::done);
        CHECK(connection.set("key", {bytes_of("value"), 7, 0}, soon()) == wire_code::done);
        proxy.inject([=](std::string answer) {
            lie(answer);
            return delivery{std::move(answer)};
        });
        return connection.get("key", soon()).code;
    }
};

void replace(std::string& text, std::string_view what, std::string_view by) {
    text.replace(text.find(what), what.size(), by);
}

} // namespace

TEST_CASE("a connection stores, gets, exchanges, counts and erases") {
    auto const where = resolve(memo_test::shared_memcached_server().address());
    meta_connection c(where, patient);
    CHECK(c.get("meta-a", soon()).code == wire_code::closed); // not opened yet
    REQUIRE(c.open() == wire_code::done);
    CHECK(c.get("meta-a", soon()).code == wire_code::absent);
    CHECK(c.add("meta-a", {bytes_of("one"), 9, 0}, soon()) == wire_code::done);
    CHECK(c.add("meta-a", {bytes_of("two"), 9, 0}, soon()) == wire_code::conflict);
    auto const first = c.get("meta-a", soon());
    CHECK(first.code == wire_code::done);
    CHECK(text_of(first.value) == "one");
    CHECK(first.flags == 9);
    std::uint64_t const token = first.token;
    CHECK(token != 0);
    CHECK(c.exchange("meta-a", {bytes_of("three"), 9, 0}, token, soon()) == wire_code::done);
    CHECK(c.exchange("meta-a", {bytes_of("four"), 9, 0}, token, soon()) == wire_code::conflict);
    CHECK(c.exchange("meta-a", {bytes_of("four"), 9, 0}, 0, soon()) == wire_code::conflict);
    CHECK(c.exchange("meta-b", {bytes_of("four"), 9, 0}, token, soon()) == wire_code::absent);
    CHECK(text_of(c.get("meta-a", soon()).value) == "three");
    CHECK(c.set("meta-a", {{}, 9, 0}, soon()) == wire_code::done);
    CHECK(c.get("meta-a", soon()).value.empty());
    CHECK(c.erase("meta-a", soon()) == wire_code::done);
    CHECK(c.erase("meta-a", soon()) == wire_code::absent);
    CHECK(c.count("meta-n", 40, 2, soon()).number == 40);
    CHECK(c.count("meta-n", 40, 2, soon()).number == 42);
    CHECK(c.count("meta-n", 40, 0, soon()).number == 42);
    CHECK(c.is_open());
    CHECK(c.times_opened() == 1);
}

TEST_CASE("a value that contains protocol lines is a value") {
    auto const where = resolve(memo_test::shared_memcached_server().address());
    meta_connection c(where, patient);
    REQUIRE(c.open() == wire_code::done);
    std::string const value = "\r\nEN\r\nmd key\r\nVA 1 c1\r\n";
    CHECK(c.set("meta-v", {bytes_of(value), 0, 0}, soon()) == wire_code::done);
    CHECK(text_of(c.get("meta-v", soon()).value) == value);
}

TEST_CASE("values larger than the buffer arrive whole") {
    auto const where = resolve(memo_test::shared_memcached_server().address());
    connection_settings const large{ample, ample, 1 << 20, {}, {}};
    meta_connection c(where, large);
    REQUIRE(c.open() == wire_code::done);
    std::string value(900'000, 'x');
    value += "end";
    REQUIRE(c.set("meta-l", {bytes_of(value), 0, 0}, soon()) == wire_code::done);
    CHECK(text_of(c.get("meta-l", soon()).value) == value);
    meta_connection narrow(where, patient);
    REQUIRE(narrow.open() == wire_code::done);
    CHECK(narrow.get("meta-l", soon()).code == wire_code::too_large);
    CHECK_FALSE(narrow.is_open());
}

TEST_CASE("a response with another number, another key or extra bytes is discarded") {
    lied_to lied;
    CHECK(lied.get_with([](std::string&) {}) == wire_code::done);
    auto const refused = [&](std::function<void(std::string&)> const& lie) {
        CHECK(lied.get_with(lie) == wire_code::desynchronized);
        CHECK_FALSE(lied.connection.is_open());
    };
    refused([](std::string& answer) { replace(answer, " O", " O1"); });
    refused([](std::string& answer) { replace(answer, " kkey", " kyek"); });
    refused([](std::string& answer) { replace(answer, " kkey", ""); });
    refused([](std::string& answer) { replace(answer, " O", " o"); });
    refused([](std::string& answer) { answer += "EN\r\n"; });
    refused([](std::string& answer) { answer += "x"; });
    refused([](std::string& answer) { replace(answer, "VA 5", "VA 4"); });
    refused([](std::string& answer) { answer = "EN O1 kkey\r\n"; });
    refused([](std::string& answer) { answer = std::string(600, 'x'); });
    refused([](std::string& answer) { answer = "HD\r\n"; });
    refused([](std::string& answer) { answer = "VALUE key 7 5\r\nvalue\r\nEND\r\n"; });
    CHECK(lied.get_with([](std::string& answer) { answer = "EN\r\n"; }) == wire_code::absent);
    CHECK(lied.get_with([](std::string& answer) { answer = "ERROR\r\n"; }) == wire_code::refused);
    CHECK_FALSE(lied.connection.is_open());
    CHECK(lied.get_with([](std::string& answer) {
        answer = "SERVER_ERROR out of memory storing object\r\n";
    }) == wire_code::server_full);
    CHECK(lied.connection.is_open());
    CHECK(lied.get_with([](std::string& answer) { replace(answer, "VA 5", "VA 1001"); }) ==
          wire_code::too_large);
}

TEST_CASE("a port without a listener is distinguished from a silent server") {
    auto const nobody = resolve(memo_test::on_loopback(memo_test::unused_port()));
    meta_connection refused(nobody, patient);
    CHECK(refused.open() == wire_code::connection_refused);
    CHECK_FALSE(refused.is_open());

    auto const silent = memo_test::listen_on_loopback(); // the kernel accepts, nobody answers
    auto const where = resolve(memo_test::on_loopback(memo_test::port_of(silent)));
    meta_connection stuck(where, patient);
    REQUIRE(stuck.open() == wire_code::done);
    CHECK(stuck.get("key", deadline(10ms)).code == wire_code::timed_out);
    CHECK_FALSE(stuck.is_open());
    REQUIRE(stuck.open() == wire_code::done);
    std::string const large(8 << 20, 'x'); // more than the kernel keeps
    CHECK(stuck.set("key", {bytes_of(large), 0, 0}, deadline(10ms)) == wire_code::timed_out);
    CHECK(stuck.times_opened() == 2);
}

TEST_CASE("the first address of a name that answers serves from then on") {
    memcached_server server;
    memcached_server other;
    auto where = resolve(memo_test::on_loopback(memo_test::unused_port()));
    auto const add = [&](std::string const& address) {
        auto const more = resolve(address).addresses;
        where.addresses.insert(where.addresses.end(), more.begin(), more.end());
    };
    add(server.address());
    add(other.address());
    meta_connection one(where, patient);
    REQUIRE(one.open() == wire_code::done);
    server.kill();
    meta_connection two(where, patient);
    CHECK(two.open() ==
          wire_code::connection_refused); // and not at the other server, where no key is
    server.restart();
    REQUIRE(two.open() == wire_code::done);
    CHECK(two.set("key", {bytes_of("value"), 0, 0}, soon()) == wire_code::done);
    auto const alone = resolve(server.address());
    meta_connection three(alone, patient);
    REQUIRE(three.open() == wire_code::done);
    CHECK(three.get("key", soon()).code == wire_code::done);
}

TEST_CASE("a connection succeeds in spite of signals") {
    memo_test::temp_dir const folder;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string const path = folder / "socket";
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    auto const* const name = reinterpret_cast<sockaddr const*>(&address);
    memo_test::file_descriptor const listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listening.get(), name, sizeof address) == 0);
    REQUIRE(::listen(listening.get(), 0) == 0);
    memo_test::file_descriptor const first(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(first.get(), name, sizeof address) == 0); // the next one waits

    struct sigaction counting {};
    struct sigaction before {};
    static std::atomic<int> signals;
    counting.sa_handler = [](int) { ++signals; };
    counting.sa_flags = SA_RESTART;
    REQUIRE(::sigaction(SIGUSR1, &counting, &before) == 0);
    auto const where = resolve(path);
    meta_connection connection(where, patient);
    std::atomic<bool> done = false;
    auto code = wire_code::closed;
    std::thread connecting([&] {
        code = connection.open();
        done = true;
    });
    while (signals < 100 && !done) {
        ::pthread_kill(connecting.native_handle(), SIGUSR1);
        std::this_thread::yield();
    }
    memo_test::file_descriptor const accepted(::accept4(listening.get(), nullptr, nullptr, 0));
    connecting.join();
    CHECK(code == wire_code::done);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a server with authentication gets name and password") {
    memo_test::temp_dir const folder;
    auto const file = folder / "users";
    std::ofstream(file) << "ada:secret\n";
    memcached_server const server(memcached_server::transport::tcp, {"-Y", file});
    auto const where = resolve(server.address());
    connection_settings const known{ample, ample, 1000, "ada", "secret"};
    meta_connection let_in(where, known);
    CHECK(let_in.open() == wire_code::done);
    CHECK(let_in.get("key", soon()).code == wire_code::absent);
    connection_settings const unknown{ample, ample, 1000, "ada", "guess"};
    meta_connection kept_out(where, unknown);
    CHECK(kept_out.open() == wire_code::refused);
    meta_connection nameless(where, patient);
    CHECK(nameless.open() == wire_code::done);
    CHECK(nameless.get("key", soon()).code == wire_code::refused);
}

TEST_CASE("a SERVER_ERROR keeps the connection open") {
    memcached_server const server(memcached_server::transport::tcp, {"-M", "-m", "2"});
    auto const where = resolve(server.address());
    connection_settings const large{ample, ample, 2 << 20, {}, {}};
    meta_connection c(where, large);
    REQUIRE(c.open() == wire_code::done);
    std::string const value(1000, 'x');
    int stored = 0;
    while (c.set("key-" + std::to_string(stored), {bytes_of(value), 7, 0}, soon()) ==
           wire_code::done) {
        ++stored;
    }
    CHECK(stored > 100);
    CHECK(c.set("more", {bytes_of(value), 7, 0}, soon()) == wire_code::server_full);
    CHECK(c.add("more", {bytes_of(value), 7, 0}, soon()) == wire_code::server_full);
    CHECK(text_of(c.get("key-0", soon()).value) == value);
    std::string const largest(1 << 20, 'x');
    CHECK(c.set("large", {bytes_of(largest), 7, 0}, soon()) == wire_code::too_large);
    CHECK(text_of(c.get("key-1", soon()).value) == value);
    CHECK(c.times_opened() == 1);
}

TEST_CASE("a duplicated error is a failure, and no later response is matched to another request") {
    lied_to lied;
    auto const failing = [](std::string& answer) { answer = "SERVER_ERROR busy\r\n"; };
    CHECK(lied.get_with(failing) == wire_code::unable);
    CHECK(lied.connection.is_open());
    CHECK(lied.get_with([&](std::string& answer) {
        failing(answer);
        answer += answer;
    }) == wire_code::desynchronized);
    CHECK_FALSE(lied.connection.is_open());
    CHECK(lied.get_with([&](std::string& answer) {
        failing(answer);
        answer += "x";
    }) == wire_code::desynchronized);
}

TEST_CASE("a server that refuses connections is recognized, on a port and on a unix socket") {
    for (auto const by :
         {memcached_server::transport::tcp, memcached_server::transport::unix_socket}) {
        memcached_server const server(by, {"-c", "32"});
        auto const where = resolve(server.address());
        std::list<meta_connection> taken;
        auto code = wire_code::absent;
        while (code == wire_code::absent && taken.size() < 64) {
            auto& connection = taken.emplace_back(where, patient);
            REQUIRE(connection.open() == wire_code::done);
            code = connection.get("key", soon()).code;
        }
        CHECK(code == wire_code::crowded);
        CHECK_FALSE(taken.back().is_open());
        CHECK(taken.front().get("key", soon()).code == wire_code::absent);
    }
}

TEST_CASE("a timeout is rounded up to microseconds below a million") {
    using memo::detail::time_of;
    CHECK(time_of(1ns).tv_usec == 1);
    CHECK(time_of(999'999'001ns).tv_sec == 1);
    CHECK(time_of(999'999'001ns).tv_usec == 0);
    CHECK(time_of(2500ms).tv_sec == 2);
    CHECK(time_of(2500ms).tv_usec == 500'000);
}
