// SPDX-License-Identifier: BSL-1.0

// What a server, or what is between it and us, can do to the memcached backend: time that is bounded,
// and never a value that was not stored for the key.

#include "support/child_process.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/fault_proxy.hpp"
#include "support/fresh_memcached.hpp"
#include "support/keys.hpp"
#include "support/memcached_server.hpp"
#include "support/net.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/memcached/wire/meta.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <list>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unistd.h>
#include <utility>
#include <vector>

using memo::detail::wire_code;
using memo_test::ample;
using memo_test::child_process;
using memo_test::delivery;
using memo_test::fault_of_answer;
using memo_test::fault_proxy;
using memo_test::key_of;
using memo_test::memcached_server;
using namespace memo_test::faults_of_answers;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

using backends = std::tuple<memo::memcached, memo::libmemcached>;
using connections =
    std::tuple<memo::detail::meta_connection, memo::detail::libmemcached_connection>;

/// The library ends the process where a store is answered as another command would be, so stores
/// are not tried while answers are falsified.
template <class Backend> constexpr bool stores_in_any_weather = true;
template <> constexpr bool stores_in_any_weather<memo::libmemcached> = false;

constexpr memo::key128 scope{31, 32};

std::string value_of(std::uint64_t number) {
    return "value " + std::to_string(number * number);
}

memo::memcached_settings settings_for(std::string const& address,
                                      std::chrono::milliseconds operation_timeout = ample) {
    memo::memcached_settings chosen;
    chosen.servers = {address};
    chosen.name_space = memo_test::unused_name_space();
    chosen.connect_timeout = ample;
    chosen.operation_timeout = operation_timeout;
    return chosen;
}

/// Does the fault to every nth answer, so that the server is never given up. An answer that it leaves as it was, as a part of
/// one may be, is not counted.
fault_of_answer every(std::uint64_t nth, fault_of_answer const& fault) {
    auto const seen = std::make_shared<std::atomic<std::uint64_t>>(0);
    return [=](std::string const& answer) {
        if (++*seen % nth != 0) {
            return delivery{answer};
        }
        delivery changed = fault(answer);
        if (changed.bytes == answer && !changed.then_reset && changed.before == 0ms) {
            --*seen;
        }
        return changed;
    };
}

struct tally {
    std::uint64_t right = 0;
    std::uint64_t wrong = 0;
    std::uint64_t missed = 0;
};

/// Gets, puts, updates and erases `operations` times, and compares what is served.
template <class Partition>
tally use(Partition const& partition, std::uint64_t operations, std::uint64_t first = 0,
          bool stores = true) {
    tally result;
    for (std::uint64_t i = 0; i < operations; ++i) {
        std::uint64_t const number = (first + i * 7) % 97;
        memo::key128 const key = key_of(number);
        if (i % 5 < 4 && i % 5 > 0 && !stores) {
            continue;
        }
        if (i % 5 == 1) {
            partition.put(key, value_of(number), {});
        } else if (i % 50 == 2) {
            partition.update(key, [&](std::string const*) { return value_of(number); }, {});
        } else if (i % 50 == 3) {
            static_cast<void>(partition.erase(key));
        } else if (auto const kept = partition.get(key)) {
            ++(kept->record == value_of(number) ? result.right : result.wrong);
        } else {
            ++result.missed;
        }
    }
    return result;
}

/// What can become of the bytes of an answer.
struct named_fault {
    char const* name = "";
    fault_of_answer fault;
    bool waits = false; ///< the answer may lack something, so that it ends by the deadline
    bool kills_library = false;
};

std::vector<named_fault> faults_of_the_wire() {
    std::string const large_length = "VA 18446744073709551615 c1 f1\r\nabc\r\n";
    return {
        {"cut at 0", cut(0), false},
        {"cut at 5", cut(5), false},
        {"cut at 40", cut(40), false},
        {"stalled at 20", stall(20), true},
        {"duplicate", duplicate(), false},
        {"swapped keys", swap_keys(), false},
        {"one byte less", wrong_length(-1), false},
        {"one byte more", wrong_length(1), true},
        {"no bytes", wrong_length(-100'000), false},
        {"huge length", instead(large_length), false},
        {"a bit flipped", flip_bits(), true},
        {"garbage", instead("\x01\x80\xff garbage\r\n"), false},
        {"an endless line", instead(std::string(5000, 'x')), false},
        {"EN", instead("EN\r\n"), false},
        {"HD", instead("HD\r\n"), false},
        {"OK", instead("OK\r\n"), false},
        {"a number", instead("12\r\n"), false},
        {"VERSION", instead("VERSION\r\n"), false,
         true}, // it reads past the line, and may end there
        {"STAT", instead("STAT pid 1\r\n"), false},
        {"SERVER_ERROR", instead("SERVER_ERROR busy\r\n"), false},
        {"empty line", instead("\r\n"), false},
    };
}

/// The answers in what was received together, each with its value.
std::vector<std::string> answers_in(std::string const& bytes) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < bytes.size();) {
        std::size_t const next = bytes.find("\r\nVA", at);
        std::size_t const end = next == std::string::npos ? bytes.size() : next + 2;
        parts.push_back(bytes.substr(at, end - at));
        at = end;
    }
    return parts;
}

/// Changes the answers that came together.
fault_of_answer with_answers(void (*change)(std::vector<std::string>&)) {
    return [=](std::string const& bytes) {
        auto parts = answers_in(bytes);
        if (parts.size() > 2) {
            change(parts);
        }
        delivery changed;
        for (auto const& part : parts) {
            changed.bytes += part;
        }
        return changed;
    };
}

/// Errors that are no missed deadline: on a busy machine a server without a fault misses a short one.
std::uint64_t failures(memo::backend_statistics const& counted) {
    return counted.errors - counted.timeouts;
}

/// How long one call takes.
template <class Call> std::chrono::nanoseconds time_of(Call const& call) {
    auto const begin = steady_clock::now();
    call();
    return steady_clock::now() - begin;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("no fault on the wire returns another key's value", "", backends) {
    std::vector<named_fault> const faults = faults_of_the_wire();
    memcached_server const server;
    constexpr bool is_library = !stores_in_any_weather<TestType>;
    for (auto const& [name, fault, waits, kills_library] : faults) {
        INFO(name);
        if (is_library && kills_library) {
            continue;
        }
        fault_proxy proxy(server.port());
        // The library waits for the rest of whatever it does not understand.
        auto const timeout = is_library ? 100ms : waits ? 200ms : ample;
        TestType const backend(settings_for(proxy.address(), timeout));
        auto const partition = backend.template partition<std::string>(scope);
        tally const before = use(partition, 500);
        CHECK(before.right > 0);
        CHECK(failures(partition.stats()) == 0);

        // The library's first operation on a connection has three answers.
        proxy.inject(every(4, fault));
        int const operations = memo_test::trials(is_library ? 100 : waits ? 30 : 1000);
        tally const during = use(partition, static_cast<std::uint64_t>(operations), 0, !is_library);
        CHECK(during.wrong == 0);
        CHECK(during.right > 0);
        CHECK(partition.stats().errors + partition.stats().corrupt + partition.stats().reconnects +
                  during.missed >
              0);

        proxy.inject({});
        static_cast<void>(use(partition, 50, 0, false)); // what is left of the fault
        auto const so_far = failures(partition.stats());
        tally const after = use(partition, 500);
        CHECK(after.wrong == 0);
        CHECK(after.right > 0);
        CHECK(failures(partition.stats()) == so_far);
    }
}

TEMPLATE_LIST_TEST_CASE("no fault on the wire returns another key's value from a batch", "",
                        backends) {
    constexpr bool is_library = !stores_in_any_weather<TestType>;
    auto faults = faults_of_the_wire();
    faults.push_back({"two swapped", with_answers([](auto& all) { std::swap(all[0], all[1]); })});
    faults.push_back({"one twice", with_answers([](auto& all) { all[1] = all[0]; })});
    faults.push_back({"one more", with_answers([](auto& all) { all[0] += all[0]; })});
    faults.push_back({"one less", with_answers([](auto& all) { all[0].clear(); }), true});
    memcached_server const server;
    constexpr std::uint64_t numbers = 97;
    std::vector<memo::key128> keys;
    for (std::uint64_t i = 0; i < numbers; ++i) {
        keys.push_back(key_of(i));
    }
    for (auto const& [name, fault, waits, kills_library] : faults) {
        INFO(name);
        if (is_library && kills_library) {
            continue;
        }
        // One miss in the place of all answers: the others are waited for.
        bool const lacks = waits || is_library || name == std::string_view("EN");
        fault_proxy proxy(server.port());
        auto chosen = settings_for(proxy.address());
        TestType const patient(chosen);
        chosen.operation_timeout = lacks ? 100ms : ample;
        TestType const backend(chosen);
        auto const filled = patient.template partition<std::string>(scope);
        auto const partition = backend.template partition<std::string>(scope);
        for (std::uint64_t i = 0; i < numbers; ++i) {
            if (i % 9 != 0) {
                filled.put(keys[i], value_of(i), {});
            }
        }
        auto const look = [&](auto const& all, int times) {
            tally result;
            for (int round = 0; round < times; ++round) {
                std::vector<memo::lookup_result<std::string>> kept(numbers);
                all.get_many(keys, kept);
                for (std::uint64_t i = 0; i < numbers; ++i) {
                    bool const is_right = kept[i] && kept[i]->record == value_of(i);
                    ++(is_right ? result.right : kept[i] ? result.wrong : result.missed);
                }
            }
            return result;
        };
        tally const before = look(filled, 1);
        CHECK(before.right == 86);
        CHECK(before.missed == 11);
        CHECK(filled.stats().errors == 0);

        proxy.inject(every(23, fault)); // a batch may come in several parts
        tally const during = look(partition, lacks ? 30 : 100);
        CHECK(during.wrong == 0);
        CHECK(during.right > 0);
        auto const counted = partition.stats();
        bool const is_seen = counted.errors + counted.corrupt + counted.reconnects > 0;
        CHECK((is_seen || is_library)); // lengths are changed in the meta protocol only

        proxy.inject({});
        tally after = look(partition, 2); // what is left of the fault
        for (int tries = 0; tries < 10 && after.right != before.right; ++tries) { // see failures()
            after = look(partition, 1);
        }
        CHECK(after.right == before.right);
        CHECK(after.wrong == 0);
    }
}

TEST_CASE("a batch on a stopped server costs one timeout") {
    memcached_server server;
    auto chosen = settings_for(server.address(), 50ms);
    chosen.lease = 5s;
    memo::memcached const backend(chosen);
    auto const f = memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                                 {.name = "many/stopped", .version = "1"}, backend);
    std::vector<int> calls(300);
    std::iota(calls.begin(), calls.end(), 0);
    CHECK(f.many(calls).back().value() == 598);
    server.stop();
    auto const partition = backend.partition<int>(scope);
    std::vector<memo::key128> keys;
    for (std::uint64_t i = 0; i < 300; ++i) {
        keys.push_back(key_of(i));
    }
    std::vector<memo::lookup_result<int>> kept(keys.size());
    partition.get_many(keys, kept);
    CHECK(partition.stats().timeouts == 1);
    auto const all = f.many(calls); // two timeouts more, and the breaker is open
    CHECK(std::all_of(calls.begin(), calls.end(),
                      [&](int x) { return all[static_cast<std::size_t>(x)].value() == 2 * x; }));
    CHECK(backend.stats().timeouts == 3);
    CHECK(backend.wire().breaker_opens == 1);
    server.go_on();
    memo_test::at_rest(f);
}

TEST_CASE("a stopped server costs one timeout per call with leases") {
    memcached_server const server;
    auto chosen = settings_for(server.address(), 50ms);
    chosen.lease = 5s;
    memo::memcached const backend(chosen);
    auto const f = memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                                 {.name = "lease/stopped", .version = "1"}, backend);
    CHECK(f(1) == 2);
    server.stop();
    CHECK(f(2) == 4);
    CHECK(backend.stats().timeouts == 1);
    CHECK(f.try_claim(3).run() == 6);
    CHECK(backend.stats().timeouts == 2);
    server.go_on();
}

TEST_CASE("the lease of a killed process ends, and a waiting one continues") {
    memcached_server const server;
    auto chosen = settings_for(server.address());
    chosen.lease = 1s;
    std::atomic<int> runs{0};
    auto const remembered = [&](memo::memcached const& backend) {
        return memo::memoize(memo::ignore_state([&runs](int x) {
                                 ++runs;
                                 return 2 * x;
                             }),
                             {.name = "lease/killed", .version = "1"}, backend);
    };
    auto holder = child_process::running([&] {
        auto const f = remembered(memo::memcached(chosen));
        auto const mine = f.try_claim(1);
        ::_exit(mine.state() == memo::claim_state::claimed ? 0 : 1); // nothing is given up
        return 1;
    });
    CHECK(holder.wait() == 0);
    memo::memcached const backend(chosen);
    auto const f = remembered(backend);
    CHECK(f.try_claim(1).state() == memo::claim_state::busy);
    CHECK(f(1) == 2);
    CHECK(runs == 1);
    CHECK(backend.wire().lease_waits == 1);
    CHECK(backend.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("a late response is not matched to the next request", "", backends) {
    memcached_server const server;
    fault_proxy proxy(server.port());
    TestType const backend(settings_for(proxy.address(), 20ms));
    auto const partition = backend.template partition<std::string>(scope);
    static_cast<void>(use(partition, 500));
    proxy.inject(every(10, delay(60ms)));
    tally const during = use(partition, 300);
    CHECK(during.wrong == 0);
    CHECK(partition.stats().timeouts > 0);
}

TEMPLATE_LIST_TEST_CASE("an update whose response is lost is never stored twice", "", backends) {
    memcached_server const server;
    fault_proxy proxy(server.port());
    TestType const backend(settings_for(proxy.address()));
    auto const partition = backend.template partition<std::uint64_t>(scope);
    auto const add_one = [](std::uint64_t const* old) { return old != nullptr ? *old + 1 : 1; };
    partition.update(key_of(1), add_one, {});

    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> answers{0};
    proxy.inject([&](std::string const& answer) {
        bool const is_stored = answer.rfind("HD", 0) == 0 || answer.rfind("STORED", 0) == 0;
        if (is_stored && ++answers % 3 == 0) {
            ++lost;
            return delivery{.bytes = {}, .then_reset = true};
        }
        return delivery{answer};
    });
    for (int i = 0; i < 300; ++i) {
        partition.update(key_of(1), add_one, {});
    }
    proxy.inject({});
    CHECK(lost > 0);
    CHECK(backend.wire().ambiguous == lost);
    CHECK(partition.get(key_of(1))->record == 301); // all were stored, each once
}

TEMPLATE_LIST_TEST_CASE("a forked child never uses its parent's connections", "", backends) {
    memcached_server const server;
    TestType const backend(settings_for(server.address()));
    auto const partition = backend.template partition<std::string>(scope);
    CHECK(use(partition, 500).wrong == 0); // leaves a connection idle
    std::vector<child_process> children;
    for (std::uint64_t child = 0; child < 4; ++child) {
        children.push_back(child_process::running([&] {
            tally const mine = use(partition, 2500, child * 13);
            return mine.wrong == 0 && mine.right > 0 && partition.stats().errors == 0 ? 0 : 1;
        }));
    }
    tally const mine = use(partition, 2500);
    CHECK(mine.wrong == 0);
    CHECK(mine.right > 0);
    for (auto& child : children) {
        CHECK(child.wait() == 0);
    }
    CHECK(partition.stats().errors == 0);
    CHECK(partition.stats().reconnects == 0);
}

TEMPLATE_LIST_TEST_CASE("a stopped server costs one timeout per call, then nothing", "", backends) {
    memcached_server server;
    auto chosen = settings_for(server.address(), 50ms);
    TestType const backend(chosen);
    std::atomic<int> runs{0};
    auto const f = memo::memoize(
        memo::ignore_state([&runs](int x) {
            ++runs;
            return 2 * x;
        }),
        {.name = std::string("stopped on ") + typeid(TestType).name(), .version = "1"}, backend);
    CHECK(f(1) == 2);
    CHECK(f(1) == 2);
    CHECK(runs == 1);

    server.stop();
    for (int i = 2; i < 5; ++i) {
        CHECK(time_of([&] { CHECK(f(i) == 2 * i); }) >= 50ms);
        CHECK(backend.stats().timeouts == static_cast<std::uint64_t>(i) - 1);
    }
    CHECK(backend.wire().breaker_opens == 1);
    auto const timeouts = backend.stats().timeouts;
    CHECK(timeouts == 3);
    for (int i = 10; i < 110; ++i) {
        CHECK(f(i) == 2 * i);
    }
    CHECK(backend.stats().timeouts == timeouts);
    CHECK(f.stats().hits == 1);

    server.go_on();
    auto const back = time_of([&] {
        while (f.outcome(1).source != memo::source::hit) {
            std::this_thread::yield();
        }
    });
    CHECK(back < 5s);
    CHECK(memo_test::at_rest(f).failures == 0);
}

TEMPLATE_LIST_TEST_CASE("a server that is killed and started again is used again", "", backends) {
    memcached_server server;
    TestType const backend(settings_for(server.address()));
    auto const partition = backend.template partition<std::string>(scope);
    partition.put(key_of(1), value_of(1), {});
    CHECK(partition.get(key_of(1)).has_value());
    server.kill();
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.stats().errors > 0);
    server.restart();
    // The breaker is open for a second.
    memo::lookup_result<std::string> kept;
    auto const back = time_of([&] {
        while (!kept) {
            partition.put(key_of(1), value_of(1), {});
            std::this_thread::yield();
            kept = partition.get(key_of(1));
        }
    });
    CHECK(back < 3s);
    CHECK(kept->record == value_of(1));
    CHECK(partition.stats().reconnects > 0);
}

TEMPLATE_LIST_TEST_CASE("a server that restarts between two calls costs none of them", "",
                        backends) {
    memcached_server server;
    TestType const backend(settings_for(server.address()));
    auto const partition = backend.template partition<std::string>(scope);
    partition.put(key_of(1), value_of(1), {});
    server.restart();
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.stats().errors == 0);
    CHECK(partition.stats().reconnects == 1);
}

TEMPLATE_LIST_TEST_CASE("all processes find what is stored after a server has restarted", "",
                        backends) {
    memcached_server server;
    auto const chosen = settings_for(server.address());
    TestType const backend(chosen);
    auto const partition = backend.template partition<std::string>(scope);
    auto const another_function = backend.template partition<std::string>({33, 34});
    auto const has = [&](memo::key128 function) {
        return TestType(chosen)
            .template partition<std::string>(function)
            .get(key_of(1))
            .has_value();
    };
    partition.put(key_of(1), value_of(1), {});
    another_function.put(key_of(1), value_of(1), {});
    server.restart(); // and has forgotten the generations, which this process read a moment ago
    CHECK_FALSE(has(scope)); // another process makes new ones
    CHECK_FALSE(has({33, 34}));
    partition.put(key_of(1), value_of(1), {});
    CHECK(has(scope));
    another_function.put(key_of(1), value_of(1), {}); // on the connection that is open again
    CHECK(has({33, 34}));
}

TEST_CASE("a stopped near server costs one timeout per call") {
    memcached_server const stopped;
    memcached_server const server;
    memo::memcached const near(settings_for(stopped.address(), 50ms));
    memo::memcached const far(settings_for(server.address()));
    auto const f = memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                                 {.name = "near/stopped", .version = "1"}, memo::tiered(near, far));
    CHECK(f(1) == 2);
    stopped.stop();
    CHECK(f(2) == 4);
    CHECK(near.stats().timeouts == 1);
    stopped.go_on();
}

TEMPLATE_LIST_TEST_CASE("an unreachable server changes no result", "", backends) {
    auto const chosen = settings_for(memo_test::on_loopback(memo_test::unused_port()));
    TestType const backend(chosen);
    auto const name = std::string("never there on ") + typeid(TestType).name();
    auto const twice = memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                                     {.name = name, .version = "1"}, backend);
    for (int i = 0; i < 100; ++i) {
        CHECK(twice(i % 10) == 2 * (i % 10));
    }
    CHECK(twice.stats().hits == 0);
    CHECK(twice.stats().errors > 0);
    CHECK_FALSE(twice.forget(1));
    CHECK_NOTHROW(twice.clear());

    auto const strict =
        memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                      {.name = name, .version = "strict", .on_error = memo::strict}, backend);
    try {
        strict(1);
        FAIL("no exception");
    } catch (memo::error const& failure) {
        CHECK(failure.code() == memo::errc::backend);
        CHECK_THAT(failure.what(), Catch::StartsWith("memo: backend get: memcached get ") &&
                                       Catch::Contains(chosen.servers.front()) &&
                                       Catch::Contains("not tried"));
    }
    auto strict_settings = chosen;
    strict_settings.on_error = memo::strict;
    auto const partition = TestType(strict_settings).template partition<int>(scope);
    // The library does not say why there is no connection.
    constexpr bool knows = std::is_same_v<TestType, memo::memcached>;
    std::string const& server = chosen.servers.front();
    CHECK_THROWS_WITH(partition.get(key_of(1)),
                      "memo: memcached get " + to_string(key_of(1)) +
                          (knows ? ": nobody listens at " + server +
                                       "; start memcached there, or name another in .servers"
                                 : ": no connection within 5000 ms (server " + server + ')'));
    CHECK_THROWS_WITH(partition.put(key_of(2), 1, {}), Catch::Contains("not tried"));
    CHECK_THROWS_WITH(partition.clear(), Catch::Contains("not tried"));
}

TEST_CASE("failures of one backend do not open the breaker of another") {
    memcached_server const server;
    auto const away = memo_test::on_loopback(memo_test::unused_port());
    auto const add_one = [](int const* old) { return old != nullptr ? *old + 1 : 1; };
    auto chosen = settings_for(server.address());
    for (int i = 1; i <= 50; ++i) { // the next one is likely to lie where the last one did
        {
            memo::memcached const gone(settings_for(away));
            CHECK(gone.partition<int>(scope).get(key_of(1)).reason() ==
                  memo::miss_reason::unavailable);
        }
        memo::memcached const there(chosen);
        CHECK(there.partition<int>(scope).update(key_of(1), add_one, {}) == i);
    }
}

TEMPLATE_LIST_TEST_CASE("no sample is numbered twice while the server is unreachable", "",
                        backends) {
    TestType const backend(settings_for(memo_test::on_loopback(memo_test::unused_port())));
    std::set<std::uint64_t> seeds;
    auto const f = memo::memoize<TestType, memo::averaged>(
        memo::ignore_state([&seeds](int, memo::replicate which) {
            seeds.insert(which.seed);
            return 1.0;
        }),
        {.name = std::string("numbered on ") + typeid(TestType).name(),
         .version = "1",
         .min_repetitions = 20,
         .repeat = memo::until_settled},
        backend);
    CHECK(f(1) == 1);
    CHECK(seeds.size() == 20);
    CHECK(memo_test::at_rest(f).sets == 0);
}

// The library has no deadline for it.
TEMPLATE_TEST_CASE("a slowly arriving response ends at the deadline", "", memo::memcached) {
    memcached_server const server;
    fault_proxy proxy(server.port());
    auto least = std::chrono::nanoseconds::max();
    for (int tries = 0; tries < 10 && least >= 200ms; ++tries) { // a busy machine may be late
        proxy.inject({});
        TestType const backend(settings_for(proxy.address(), 100ms)); // with a closed breaker
        auto const partition = backend.template partition<std::string>(scope);
        partition.put(key_of(1), std::string(1000, 'x'), {});
        REQUIRE(partition.get(key_of(1)).has_value());
        proxy.inject(drip(50ms));
        auto const taken = time_of([&] { CHECK_FALSE(partition.get(key_of(1)).has_value()); });
        CHECK(taken >= 100ms);
        CHECK(partition.stats().timeouts == 1);
        least = std::min(least, taken);
    }
    CHECK(least < 200ms);
}

TEMPLATE_LIST_TEST_CASE("one of three servers can die without the others", "", backends) {
    std::vector<memcached_server> servers(3);
    auto chosen = settings_for("");
    chosen.servers.clear();
    for (auto const& server : servers) {
        chosen.servers.push_back(server.address());
    }
    TestType const backend(chosen);
    auto const partition = backend.template partition<std::string>(scope);
    constexpr std::uint64_t keys = 300;
    for (std::uint64_t i = 0; i < keys; ++i) {
        partition.put(key_of(i), value_of(i), {});
    }
    auto const served = [&] {
        std::vector<bool> result;
        for (std::uint64_t i = 0; i < keys; ++i) {
            auto const kept = partition.get(key_of(i));
            result.push_back(kept.has_value());
            CHECK((!kept || kept->record == value_of(i)));
        }
        return result;
    };
    CHECK(served() == std::vector<bool>(keys, true));
    servers[1].kill();
    std::vector<bool> const left = served();
    auto const count = std::count(left.begin(), left.end(), true);
    CHECK(count > 150);
    CHECK(count < 250); // about a third of the keys was its share
    for (std::uint64_t i = 0; i < keys; ++i) {
        partition.put(key_of(i), value_of(i), {});
    }
    CHECK(served() == left); // its share is not given to the others, from where it would be stale
}

namespace {

/// The servers as one process sees them: visits can be held at once.
template <class Connection> struct visitor {
    explicit visitor(memo::memcached_settings const& chosen) : store(chosen) {}

    memo::detail::memcached_store<Connection> store;
    memo::detail::memcached_scope function{"memo", {1, 2}, 1};

    auto visit() { return store.visit(0, function); }

    template <class Visit> static wire_code ask(Visit& visit) {
        return visit.ask(
            [](Connection& connection, std::uint64_t, memo::detail::deadline const& by) {
                return connection.get("key", by).code;
            });
    }
    wire_code ask() {
        auto one = visit();
        return ask(one);
    }

    /// Visits at once, as many as the server takes and one more.
    auto fill() {
        std::list<decltype(visit())> all;
        do {
            all.push_back(visit());
        } while (ask(all.back()) == wire_code::absent && all.size() < 64);
        return all;
    }
};

/// A server that takes few connections. What is more it answers with an error, or leaves waiting.
struct small_server {
    memcached_server::transport by;
    std::vector<std::string> options;
};

std::vector<small_server> small_servers() {
    using transport = memcached_server::transport;
    return {{transport::tcp, {"-c", "32"}},
            {transport::unix_socket, {"-c", "32"}},
            {transport::tcp, {"-c", "32", "-o", "no_maxconns_fast"}}};
}

} // namespace

TEMPLATE_LIST_TEST_CASE("calls use existing connections of a server that refuses new ones", "",
                        connections) {
    for (auto const& [by, options] : small_servers()) {
        INFO(options.size() << (by == memcached_server::transport::tcp ? " tcp" : " unix"));
        memcached_server const server(by, options);
        auto const chosen = settings_for(server.address(), 200ms);
        visitor<TestType> test(chosen);
        {
            auto all = test.fill();
            CHECK(all.size() > 2);
            CHECK(all.size() < 64);
            while (!all.empty()) { // the one that was refused is given back last
                all.pop_front();
            }
        }
        for (int i = 0; i < 20; ++i) {
            CHECK(test.ask() == wire_code::absent);
        }
        CHECK(test.function.counters.breaker_opens == 0);
    }
}

TEMPLATE_LIST_TEST_CASE("idle connections of a process are soon free for another one", "",
                        connections) {
    memcached_server const server(memcached_server::transport::tcp, {"-c", "32"});
    auto const chosen = settings_for(server.address());
    visitor<TestType> one(chosen);
    visitor<TestType> other(chosen);
    static_cast<void>(one.fill());
    CHECK(other.ask() != wire_code::absent);
    int refusals = 0;
    double const taken = memo_test::seconds_until([&] {
        refusals += one.ask() == wire_code::absent ? 0 : 1;
        std::this_thread::sleep_for(1ms); // as long as the function takes
        return other.ask() == wire_code::absent;
    });
    CHECK(taken < 10);
    CHECK(refusals == 0);
}

TEMPLATE_LIST_TEST_CASE("threads beyond the server's connection limit hit once there are fewer", "",
                        backends) {
    memcached_server const server(memcached_server::transport::tcp, {"-c", "32"});
    TestType const backend(settings_for(server.address()));
    auto const partition = backend.template partition<std::string>(scope);
    partition.put(key_of(1), value_of(1), {});
    std::atomic<int> wrong{0};
    memo_test::together(
        64, [&](std::size_t thread) { wrong += use(partition, 200, thread).wrong != 0 ? 1 : 0; });
    CHECK(wrong == 0);
    partition.put(key_of(1), value_of(1), {});
    CHECK(memo_test::seconds_until([&] {
              partition.put(key_of(1), value_of(1), {}); // the breaker may be open for a second
              return partition.get(key_of(1)).has_value();
          }) < 5);
    for (int i = 0; i < 50; ++i) {
        CHECK(partition.get(key_of(1)).has_value());
    }
}

TEMPLATE_LIST_TEST_CASE("a server without memory loses no connection", "", backends) {
    memcached_server const server(memcached_server::transport::tcp, {"-M", "-m", "2"});
    TestType const backend(settings_for(server.address()));
    auto const partition = backend.template partition<std::string>(scope);
    std::string const value(1000, 'x');
    std::uint64_t stored = 0;
    while (partition.put(key_of(stored), value, {})) {
        ++stored;
    }
    CHECK(stored > 100);
    for (std::uint64_t i = 0; i < 100; ++i) {
        CHECK_FALSE(partition.put(key_of(100'000 + i), value, {}));
        CHECK(partition.get(key_of(i))->record == value);
    }
    CHECK(backend.wire().server_full == 101);
    CHECK(backend.stats().errors == 101);
    CHECK(backend.stats().reconnects == 0);
}

TEMPLATE_LIST_TEST_CASE("the longest durations are valid", "", backends) {
    memcached_server const server;
    auto chosen = settings_for(server.address());
    chosen.connect_timeout = std::chrono::milliseconds::max();
    chosen.operation_timeout = std::chrono::milliseconds::max();
    chosen.ttl = std::chrono::seconds::max();
    TestType const backend(chosen);
    auto const partition = backend.template partition<int>(scope);
    CHECK(partition.put(key_of(1), 1, {.cost = 0ns, .ttl = std::chrono::nanoseconds::max()}));
    CHECK(partition.put(key_of(2), 2, {}));
    CHECK(partition.get(key_of(1))->record == 1);
    CHECK(partition.get(key_of(2))->remaining_ttl > 24h * 365 * 200);
    CHECK(partition.update(key_of(2), [](int const* old) { return *old + 1; }, {}) == 3);
    std::vector<memo::key128> const keys{key_of(1), key_of(2)};
    std::vector<memo::lookup_result<int>> kept(keys.size());
    partition.get_many(keys, kept);
    CHECK((kept[0].has_value() && kept[1].has_value()));
    CHECK(backend.stats().errors == 0);

    chosen.servers = {memo_test::on_loopback(memo_test::unused_port())};
    chosen.ttl = 0s;
    auto const no_slot = TestType(chosen).template partition<int>(scope);
    CHECK_FALSE(no_slot.get(key_of(1)).has_value());
    CHECK_FALSE(no_slot.get(key_of(2)).has_value());
    CHECK(no_slot.stats().errors == 2); // one of them as the breaker was open
}

TEMPLATE_LIST_TEST_CASE("64 lookups are one round trip", "", backends) {
    memcached_server const server;
    fault_proxy proxy(server.port());
    TestType const backend(settings_for(proxy.address()));
    auto const partition = backend.template partition<std::string>(scope);
    constexpr std::uint64_t numbers = 128;
    std::vector<memo::key128> keys;
    for (std::uint64_t i = 0; i < numbers; ++i) {
        keys.push_back(key_of(i / 2)); // each twice
        if (i / 2 % 3 != 0) {
            partition.put(keys[i], value_of(i / 2), {});
        }
    }
    std::atomic<int> deliveries{0};
    proxy.inject([&](std::string const& answer) {
        ++deliveries;
        return delivery{answer};
    });
    std::vector<memo::lookup_result<std::string>> kept(numbers);
    partition.get_many(keys, kept);
    for (std::uint64_t i = 0; i < numbers; ++i) {
        CHECK(kept[i].has_value() == (i / 2 % 3 != 0));
        CHECK((!kept[i] || kept[i]->record == value_of(i / 2)));
    }
    CHECK(deliveries < 20); // an answer may come in several parts
    CHECK(partition.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("the first address of a name that answers serves from then on", "",
                        connections) {
    memcached_server server;
    memcached_server other;
    auto where = memo::detail::resolve(memo_test::on_loopback(memo_test::unused_port()));
    for (auto const& address : {server.address(), other.address()}) {
        where.addresses.push_back(memo::detail::resolve(address).addresses.front());
    }
    memo::detail::connection_settings const patient{ample, ample, 1000, {}, {}};
    auto const soon = [] { return memo::detail::deadline(ample); };
    std::string const text = "value";
    auto const value = std::as_bytes(std::span(text));
    TestType one(where, patient);
    REQUIRE(one.open() == wire_code::done);
    CHECK(one.set("key", {value, 0, 0}, soon()) == wire_code::done);
    auto const alone = memo::detail::resolve(server.address());
    TestType direct(alone, patient);
    REQUIRE(direct.open() == wire_code::done);
    CHECK(direct.get("key", soon()).code == wire_code::done);

    server.kill();
    TestType two(where, patient); // and not at the other server, where no key is
    bool const fails = two.open() != wire_code::done || !is_answer(two.get("key", soon()).code);
    CHECK(fails);
    server.restart();
    REQUIRE(two.open() == wire_code::done);
    CHECK(two.get("key", soon()).code == wire_code::absent);
}

TEMPLATE_LIST_TEST_CASE(
    "memo writes no byte into the files of a program that closed all descriptors", "", backends) {
    for (auto const by :
         {memcached_server::transport::tcp, memcached_server::transport::unix_socket}) {
        memcached_server const server(by);
        memo_test::temp_dir const folder;
        auto daemon = child_process::running([&] {
            ::alarm(60);
            TestType const backend(settings_for(server.address()));
            auto const partition = backend.template partition<std::string>(scope);
            bool all_right = partition.put(key_of(1), value_of(1), {});
            for (int round = 0; round < 3; ++round) {
                ::close_range(3, ~0U, 0);
                std::vector<int> files;
                for (int i = 0; i < 20; ++i) {
                    auto const path = folder / ("file-" + std::to_string(i));
                    // NOLINTNEXTLINE(*-vararg): open(2) has no other form
                    files.push_back(::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC, 0600));
                }
                all_right = all_right && partition.put(key_of(2), value_of(2), {});
                auto const kept = partition.get(key_of(1));
                all_right = all_right && kept && kept->record == value_of(1);
                for (int const file : files) {
                    struct stat now {};
                    all_right = all_right && ::fstat(file, &now) == 0 && S_ISREG(now.st_mode) &&
                                now.st_size == 0;
                }
            }
            return all_right && partition.stats().errors == 0 ? 0 : 1;
        });
        CHECK(daemon.wait() == 0);
    }
}

TEMPLATE_LIST_TEST_CASE(
    "memo writes no byte into the sockets of a program that closed all descriptors", "", backends) {
    memcached_server const server;
    auto daemon = child_process::running([&] {
        ::alarm(60);
        TestType const backend(settings_for(server.address()));
        auto const partition = backend.template partition<std::string>(scope);
        bool all_right = partition.put(key_of(1), value_of(1), {});
        ::close_range(3, ~0U, 0);
        std::vector<std::array<int, 2>> pairs(10);
        for (auto& pair : pairs) {
            all_right = ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0 && all_right;
        }
        auto const kept = partition.get(key_of(1));
        all_right = all_right && kept && kept->record == value_of(1);
        for (auto const& pair : pairs) {
            for (int const end : pair) {
                char byte = 0;
                all_right = all_right && ::recv(end, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
            }
        }
        return all_right && partition.stats().errors == 0 ? 0 : 1;
    });
    CHECK(daemon.wait() == 0);
}

TEST_CASE("a child closes its copies of its parent's connections") {
    memcached_server const server;
    memo::memcached const backend(settings_for(server.address()));
    auto const partition = backend.partition<std::string>(scope);
    memo_test::together(8, [&](std::size_t thread) { use(partition, 100, thread); });
    auto const open_sockets = [] {
        int count = 0;
        for (int i = 0; i < 1000; ++i) {
            struct stat now {};
            count += ::fstat(i, &now) == 0 && S_ISSOCK(now.st_mode) ? 1 : 0;
        }
        return count;
    };
    int const before = open_sockets();
    auto const most = memo_test::in_process([&] {
        partition.put(key_of(1), value_of(1), {});
        bool const is_right = partition.get(key_of(1))->record == value_of(1);
        return is_right ? open_sockets() : 99;
    });
    CHECK(most <= before);
    CHECK(most > 0);
    CHECK(partition.get(key_of(1))->record == value_of(1));
    CHECK(partition.stats().reconnects == 0);
}

TEMPLATE_LIST_TEST_CASE("a child that is forked during calls of other threads continues", "",
                        backends) {
    for (bool const is_there : {true, false}) {
        INFO((is_there ? "the server is there" : "nobody listens"));
        memcached_server const server;
        auto const chosen = settings_for(
            is_there ? server.address() : memo_test::on_loopback(memo_test::unused_port()));
        TestType const backend(chosen);
        auto const f = memo::memoize(memo::ignore_state([](int x) { return 2 * x; }),
                                     {.name = std::string("forked on ") + typeid(TestType).name() +
                                              (is_there ? " there" : " away"),
                                      .version = "1"},
                                     backend);
        std::atomic<bool> stop{false};
        std::atomic<int> wrong{0};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = thread; !stop; i = (i + 7) % 1000) {
                    wrong += f(i) == 2 * i ? 0 : 1;
                }
            });
        }
        int const children = memo_test::trials(40);
        int ended = 0;
        for (int i = 0; i < children; ++i) {
            ended += memo_test::in_process([&] {
                         ::alarm(10);
                         bool all_right = true;
                         for (int x = 0; x < 30; ++x) {
                             all_right = all_right && f(x + 1000 * i) == 2 * (x + 1000 * i);
                         }
                         return all_right ? 0 : 1;
                     }) == 0
                         ? 1
                         : 0;
        }
        stop = true;
        for (auto& thread : threads) {
            thread.join();
        }
        CHECK(ended == children);
        CHECK(wrong == 0);
        CHECK((!is_there || backend.stats().errors == 0));
    }
}
