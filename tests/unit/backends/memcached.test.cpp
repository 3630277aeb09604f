// SPDX-License-Identifier: BSL-1.0

// Promises of the memcached backend beyond the conformance suite.

#include "support/child_process.hpp"
#include "support/crew.hpp"
#include "support/fresh_memcached.hpp"
#include "support/keys.hpp"
#include "support/memcached_client.hpp"
#include "support/memcached_server.hpp"
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <typeinfo>
#include <vector>

using memo_test::child_process;
using memo_test::key_of;
using memo_test::memcached_client;
using memo_test::memcached_server;
using namespace std::chrono_literals;

namespace {

using backends = std::tuple<memo::memcached, memo::libmemcached>;

constexpr memo::key128 scope{41, 42};

memcached_client client_of_shared_server() {
    return memcached_client(memo_test::shared_memcached_server().port());
}

/// The name of an item in generation `generation`.
std::string item_name(std::string const& name_space, std::string const& generation,
                      memo::key128 key) {
    return name_space + ':' + to_string(scope) + ':' + generation + ':' + to_string(key);
}

/// The generation on the server, as 16 hexadecimal digits.
std::string generation_of(memcached_client const& client, std::string const& name_space) {
    std::string const answer =
        client.ask("mg " + name_space + ':' + to_string(scope) + ":gen v", "\r\n");
    std::uint64_t const number = std::stoull(answer.substr(answer.find("\r\n") + 2));
    return to_string(memo::key128{number, 0}).substr(16);
}

/// Welford's moments, which are right only if every sample is merged exactly once.
struct running {
    std::uint64_t count = 0;
    double mean = 0;
    double m2 = 0;

    [[nodiscard]] running with(double sample) const {
        running next{count + 1, 0, 0};
        double const off = sample - mean;
        next.mean = mean + off / static_cast<double>(next.count);
        next.m2 = m2 + off * (sample - next.mean);
        return next;
    }

    template <class Archive> void serialize(Archive& archive) { archive(count, mean, m2); }
};

} // namespace

TEMPLATE_LIST_TEST_CASE("clear of one name space leaves the others and foreign keys", "",
                        backends) {
    auto const client = client_of_shared_server();
    auto const settings = memo_test::fresh_memcached_settings();
    TestType const one(settings);
    TestType const other(memo_test::fresh_memcached_settings());
    auto const mine = one.template partition<int>(scope);
    auto const beside = one.template partition<int>(memo::key128{1, 1});
    auto const theirs = other.template partition<int>(scope);
    mine.put(key_of(1), 1, {});
    beside.put(key_of(1), 2, {});
    theirs.put(key_of(1), 3, {});
    CHECK(client.ask("ms foreign 3\r\nabc") == "HD\r\n");
    mine.clear();
    CHECK_FALSE(mine.get(key_of(1)).has_value());
    CHECK(beside.get(key_of(1))->record == 2);
    CHECK(theirs.get(key_of(1))->record == 3);
    CHECK(client.ask("mg foreign v") == "VA 3\r\nabc\r\n");
}

TEMPLATE_LIST_TEST_CASE("another process sees a clear within the promised time", "", backends) {
    auto const settings = memo_test::fresh_memcached_settings();
    TestType const here(settings);
    TestType const there(settings); // shares nothing with the first but the server
    auto const mine = here.template partition<int>(scope);
    auto const theirs = there.template partition<int>(scope);
    mine.put(key_of(1), 1, {});
    REQUIRE(theirs.get(key_of(1)).has_value());
    auto const begin = std::chrono::steady_clock::now();
    mine.clear();
    memo_test::until([&] { return !theirs.get(key_of(1)).has_value(); });
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
    theirs.put(key_of(1), 2, {});
    CHECK(mine.get(key_of(1))->record == 2);
}

TEMPLATE_LIST_TEST_CASE("a lost generation counter restores no old record", "", backends) {
    auto const client = client_of_shared_server();
    auto const settings = memo_test::fresh_memcached_settings();
    TestType const before(settings);
    before.template partition<int>(scope).put(key_of(1), 1, {});
    before.template partition<int>(scope).clear();
    CHECK(client.ask("md " + settings.name_space + ':' + to_string(scope) + ":gen") == "HD\r\n");
    TestType const after(settings);
    CHECK_FALSE(after.template partition<int>(scope).get(key_of(1)).has_value());
}

TEMPLATE_LIST_TEST_CASE("a record that is too large is refused and the old one stays", "",
                        backends) {
    auto settings = memo_test::fresh_memcached_settings();
    settings.max_value_bytes = 2000;
    TestType const backend(settings);
    auto const partition = backend.template partition<std::string>(scope);
    CHECK(partition.put(key_of(1), "small", {}));
    CHECK_FALSE(partition.put(key_of(1), std::string(2000, 'x'), {}));
    CHECK(partition.get(key_of(1))->record == "small");
    CHECK(partition.stats().too_large == 1);
    CHECK(partition.stats().errors == 0);
    auto const grown =
        partition.update(key_of(1), [](std::string const*) { return std::string(3000, 'x'); }, {});
    CHECK_FALSE(grown.has_value());
    CHECK(partition.get(key_of(1))->record == "small");
    CHECK(partition.stats().too_large == 2);
}

TEMPLATE_LIST_TEST_CASE("a default server accepts the largest record that is sent", "", backends) {
    auto settings = memo_test::fresh_memcached_settings();
    settings.name_space = std::string(64, 'n');
    TestType const backend(settings);
    auto const partition = backend.template partition<std::string>(scope);
    std::size_t const most = settings.max_value_bytes - memo::detail::frame_header_size - 8;
    partition.put(key_of(1), std::string(most, 'x'), {});
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->record.size() == most);
    partition.put(key_of(1), std::string(most + 1, 'x'), {});
    CHECK(partition.stats().too_large == 1);
    CHECK(partition.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("another program's item under our key is a miss and is replaced", "",
                        backends) {
    auto const client = client_of_shared_server();
    auto const settings = memo_test::fresh_memcached_settings();
    TestType const backend(settings);
    auto const partition = backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {});
    partition.put(key_of(2), 2, {});
    auto const generation = generation_of(client, settings.name_space);
    auto const first = item_name(settings.name_space, generation, key_of(1));
    auto const second = item_name(settings.name_space, generation, key_of(2));

    CHECK(client.ask("ms " + first + " 6 F0\r\npickle") == "HD\r\n");
    CHECK(partition.get(key_of(1)).reason() == memo::miss_reason::corrupt);
    CHECK(partition.get(key_of(3)).reason() == memo::miss_reason::absent);
    CHECK(partition.stats().corrupt == 1);
    partition.update(key_of(1), [](int const* old) { return old != nullptr ? -1 : 10; }, {});
    CHECK(partition.get(key_of(1))->record == 10);

    // A whole frame of ours, under another key.
    std::string const answer = client.ask("mg " + second + " v f", "\r\n");
    auto const head = answer.find("\r\n");
    std::string const frame = answer.substr(head + 2, answer.size() - head - 4);
    auto const flags = answer.substr(answer.find('f'), head - answer.find('f'));
    CHECK(client.ask("ms " + first + ' ' + std::to_string(frame.size()) + " F" + flags.substr(1) +
                     "\r\n" + frame) == "HD\r\n");
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.stats().corrupt == 2); // not once more by the update
    CHECK_FALSE(partition.peek(key_of(1)).has_value());
    CHECK(partition.stats().corrupt == 2);
    CHECK(partition.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("a record of another type is a miss", "", backends) {
    TestType const backend(memo_test::fresh_memcached_settings());
    backend.template partition<std::int64_t>(scope).put(key_of(1), 1, {});
    CHECK_FALSE(backend.template partition<double>(scope).get(key_of(1)).has_value());
}

TEMPLATE_LIST_TEST_CASE("a time to live of more than 30 days is served", "", backends) {
    TestType const backend(memo_test::fresh_memcached_settings());
    auto const partition = backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = 24h * 31});
    partition.put(key_of(2), 2, {.cost = 0ns, .ttl = 24h * 365 * 200});
    CHECK(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(2)).has_value());
}

TEMPLATE_LIST_TEST_CASE("the ttl of the settings bounds every ttl", "", backends) {
    memo_test::fake_clock const clock;
    auto settings = memo_test::fresh_memcached_settings();
    settings.ttl = 10s;
    settings.clock = memo_test::time_of_day(clock);
    TestType const backend(settings);
    auto const partition = backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {});
    partition.put(key_of(2), 1, {.cost = 0ns, .ttl = 1h});
    partition.put(key_of(3), 1, {.cost = 0ns, .ttl = 5s});
    clock.advance(9s);
    CHECK(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(2)).has_value());
    CHECK_FALSE(partition.get(key_of(3)).has_value());
    clock.advance(1s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK_FALSE(partition.get(key_of(2)).has_value());
}

TEST_CASE("a call counts an expired record once") {
    memo_test::fake_clock const clock;
    auto settings = memo_test::fresh_memcached_settings();
    settings.clock = memo_test::time_of_day(clock);
    memo::memcached const backend(settings);
    auto const f = memo::memoize(memo::ignore_state([](int x) { return x; }),
                                 {.name = "expires", .version = "1", .ttl = 5s}, backend);
    f(1);
    clock.advance(5s);
    CHECK(f.outcome(1).reason == memo::miss_reason::expired);
    CHECK(backend.stats().expirations == 1);
}

TEMPLATE_LIST_TEST_CASE("a unix socket serves like a port", "", backends) {
    memcached_server const server(memcached_server::transport::unix_socket);
    auto settings = memo_test::fresh_memcached_settings();
    settings.servers = {server.address()};
    TestType const backend(settings);
    auto const partition = backend.template partition<std::string>(scope);
    partition.put(key_of(1), "one", {});
    CHECK(partition.get(key_of(1))->record == "one");
    CHECK(partition.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("no update of one key is lost among processes", "", backends) {
    auto const settings = memo_test::fresh_memcached_settings();
    constexpr int processes = 8;
    constexpr int updates = 500;
    auto const sample = [](int process, int i) { return std::sin(process * 1000 + i); };
    std::vector<child_process> workers;
    workers.reserve(processes);
    for (int process = 0; process < processes; ++process) {
        workers.push_back(child_process::running([&] {
            TestType const backend(settings);
            auto const partition = backend.template partition<running>(scope);
            for (int i = 0; i < updates; ++i) {
                auto const add = [&](running const* old) {
                    return (old != nullptr ? *old : running{}).with(sample(process, i));
                };
                partition.update(key_of(1), add, {});
            }
            return partition.stats().errors == 0 && backend.wire().ambiguous == 0 ? 0 : 1;
        }));
    }
    for (auto& worker : workers) {
        CHECK(worker.wait() == 0);
    }
    running serial;
    for (int process = 0; process < processes; ++process) {
        for (int i = 0; i < updates; ++i) {
            serial = serial.with(sample(process, i));
        }
    }
    TestType const backend(settings);
    auto const kept = backend.template partition<running>(scope).get(key_of(1));
    REQUIRE(kept.has_value());
    CHECK(kept->record.count == processes * updates);
    CHECK(kept->record.mean == Approx(serial.mean).epsilon(1e-9).margin(1e-12));
    CHECK(kept->record.m2 == Approx(serial.m2).epsilon(1e-9));
}

TEMPLATE_LIST_TEST_CASE("a second run of a program finds the results of the first", "", backends) {
    auto const settings = memo_test::fresh_memcached_settings();
    auto const name = std::string("runs again on ") + typeid(TestType).name();
    auto const run = [&] {
        TestType const backend(settings);
        int evaluations = 0;
        auto const f = memo::memoize(memo::ignore_state([&evaluations](int x) {
                                         ++evaluations;
                                         return std::vector<double>{1.0 * x, 2.0 * x};
                                     }),
                                     {.name = name, .version = "1"}, backend);
        for (int i = 0; i < 20; ++i) {
            if (f(i % 10) != std::vector<double>{1.0 * (i % 10), 2.0 * (i % 10)}) {
                return -1;
            }
        }
        return evaluations;
    };
    CHECK(run() == 10);
    auto second = child_process::running(run);
    CHECK(second.wait() == 0);
}
