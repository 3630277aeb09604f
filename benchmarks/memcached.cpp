// SPDX-License-Identifier: BSL-1.0
//
// What the memcached backend costs beside a hand-written blocking client, over both wires, and what
// a server that is away costs. Starts servers of its own.
//
//   memcached [--quick] [--json FILE]

#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/memo.hpp>
#include <support/cores.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/server_apart.hpp>

#include "tests/support/child_process.hpp"
#include "tests/support/fault_proxy.hpp"
#include "tests/support/keys.hpp"
#include "tests/support/memcached_server.hpp"
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

using benchmark::server_apart;
using memo_test::key_of;
using memo_test::memcached_server;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{51, 52};

std::string const bare = "raw";
std::string const ours = "memo::memcached";
std::string const library = "memo::libmemcached";

using payload = std::array<std::uint8_t, 100>;

struct effort {
    std::size_t rounds;
    std::size_t operations;
};

/// A client as one writes it by hand: blocking, and without a check of anything.
class raw_client {
  public:
    explicit raw_client(memcached_server const& server) {
        std::string const address = server.address();
        if (address.starts_with('/')) {
            sockaddr_un where{};
            where.sun_family = AF_UNIX;
            address.copy(&where.sun_path[0], sizeof where.sun_path - 1);
            socket_ = memo_test::file_descriptor(::socket(AF_UNIX, SOCK_STREAM, 0));
            auto const* const generic = reinterpret_cast<sockaddr const*>(&where);
            if (::connect(socket_.get(), generic, sizeof where) != 0) {
                throw std::runtime_error("cannot connect to " + address);
            }
        } else {
            socket_ = memo_test::connect_to(server.port());
            int const on = 1;
            ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }

    /// The answer to a request, which ends with `end`.
    std::string_view ask(std::string_view request, std::string_view end) {
        if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
            throw std::runtime_error("cannot send");
        }
        std::size_t size = 0;
        for (;;) {
            auto const more =
                ::recv(socket_.get(), buffer_.data() + size, buffer_.size() - size, 0);
            if (more <= 0) {
                throw std::runtime_error("closed");
            }
            size += static_cast<std::size_t>(more);
            std::string_view const answer(buffer_.data(), size);
            if (answer.ends_with(end)) {
                return answer;
            }
        }
    }

  private:
    memo_test::file_descriptor socket_;
    std::array<char, 4096> buffer_{};
};

memo::memcached_settings settings_for(std::string const& address,
                                      std::string const& name_space = "bench") {
    memo::memcached_settings chosen;
    chosen.servers = {address};
    chosen.name_space = name_space;
    chosen.operation_timeout = 5s;
    chosen.connect_timeout = 5s;
    return chosen;
}

template <class Partition> void must_have(Partition const& partition, memo::key128 key) {
    if (!partition.get(key)) {
        throw std::logic_error("what was stored is not there");
    }
}

payload sample_payload() {
    payload value{};
    value.fill('v');
    return value;
}

/// What is measured on one server, beside what a bare socket takes.
struct operations {
    benchmark::interleaved hits;
    benchmark::interleaved stores; ///< a miss, and a set
    benchmark::interleaved updates;

    void measure(std::size_t rounds) {
        for (auto* const each : {&hits, &stores, &updates}) {
            for (auto const& name : {ours, library}) {
                each->not_faster(name, bare);
            }
            each->measure(rounds);
        }
    }
};

template <class Backend>
void add_backend(operations& all, std::string const& name, Backend const& backend,
                 std::size_t count) {
    auto const partition = backend.template partition<payload>(scope);
    auto const numbers = backend.template partition<double>(scope);
    partition.put(key_of(1), sample_payload(), {});
    must_have(partition, key_of(1));
    all.hits.add_each(name, count, [=] { must_have(partition, key_of(1)); });
    all.stores.add_each(name, count, [=, next = std::uint64_t{1000}]() mutable {
        memo::key128 const key = key_of(++next);
        if (!partition.get(key)) {
            partition.put(key, sample_payload(), {});
        }
    });
    all.updates.add_each(name, count, [=] {
        numbers.update(key_of(2), [](double const* old) { return old != nullptr ? *old + 1 : 1; },
                       {});
    });
}

operations against_raw(std::string const& where, memcached_server const& server, effort effort) {
    // The commands of memo::memcached with names and values as long as its own, so that the server has the same work.
    raw_client raw(server);
    std::string const name(88, 'k');
    std::string const number = " k O1234567890123456789\r\n";
    std::string const frame =
        std::string(memo::detail::frame_header_size + sizeof(payload), 'v') + "\r\n";
    std::string const get = "mg " + name + " v c f" + number;
    std::string const miss = "mg " + name + "x v c f" + number;
    std::string const set = "ms " + name + ' ' + std::to_string(frame.size() - 2) +
                            " MS F1234567890 T0" + number + frame;
    raw.ask(set, "\r\n");

    operations all;
    auto const one = [&] { benchmark::keep(raw.ask(get, frame)); };
    all.hits.add_each(bare, effort.operations, one);
    all.stores.add_each(bare, effort.operations, [&] {
        benchmark::keep(raw.ask(miss, "\r\n"));
        benchmark::keep(raw.ask(set, "\r\n"));
    });
    all.updates.add_each(bare, effort.operations, one);
    add_backend(all, ours, memo::memcached(settings_for(server.address(), "meta")),
                effort.operations);
    add_backend(all, library, memo::libmemcached(settings_for(server.address(), "lib")),
                effort.operations);
    all.measure(effort.rounds);
    benchmark::print("hit of 100 B, " + where, all.hits, bare);
    benchmark::print("miss and set of 100 B, " + where, all.stores, bare);
    benchmark::print("update without contention, " + where, all.updates, bare);
    return all;
}

int twice(int x) {
    return 2 * x;
}

/// Longest call of a memoized function on a server that stands still, in operation timeouts.
double longest_call_while_stopped(bool quick) {
    memcached_server const server = server_apart();
    auto chosen = settings_for(server.address());
    chosen.operation_timeout = 100ms;
    memo::memcached const backend(chosen);
    auto const f = memo::memoize(memo::fn<&twice>{}, {.name = "stopped", .version = "1"}, backend);
    f(0);
    server.stop();
    double longest = 0;
    for (int i = 1; i < (quick ? 1'000 : 200'000); ++i) {
        longest = std::max(longest, benchmark::wall_time_of([&] { benchmark::keep(f(i)); }));
    }
    return longest / 100e6;
}

/// us that an open breaker adds to a call, at the median.
benchmark::comparison cost_of_open_breaker(bool quick) {
    auto chosen = settings_for(memo_test::on_loopback(memo_test::unused_port()));
    memo::memcached const backend(chosen);
    auto const f = memo::memoize(memo::fn<&twice>{}, {.name = "open", .version = "1"}, backend);
    auto const none =
        memo::memoize(memo::fn<&twice>{}, {.name = "none", .version = "1"}, memo::none());
    benchmark::interleaved calls(benchmark::wall_time);
    int const count = quick ? 1'000 : 32'000;
    auto const all_of = [count](auto const& g) {
        return [&g, count] {
            for (int i = 0; i < count; ++i) {
                benchmark::keep(g(i % 64));
            }
        };
    };
    calls.add("none", static_cast<std::size_t>(count), all_of(none));
    calls.add("breaker open", static_cast<std::size_t>(count), all_of(f));
    calls.measure(quick ? 3 : 31);
    benchmark::print("a call while the server is away", calls, "none");
    auto added = calls.difference("breaker open", "none");
    for (double* const ns : {&added.median, &added.lower, &added.upper}) {
        *ns /= 1000;
    }
    return added;
}

/// A lookup whose answer drips a byte every 50 ms, in operation timeouts.
benchmark::comparison lookup_while_dripping(bool quick) {
    memcached_server const server = server_apart();
    memo_test::fault_proxy proxy(server.port());
    auto chosen = settings_for(proxy.address());
    chosen.operation_timeout = 100ms;
    std::vector<double> times(quick ? 4 : 20);
    for (double& time : times) {
        memo::memcached const backend(chosen); // with a breaker that is closed
        auto const partition = backend.partition<payload>(scope);
        proxy.inject({});
        partition.put(key_of(1), sample_payload(), {});
        must_have(partition, key_of(1));
        proxy.inject(memo_test::faults_of_answers::drip(50ms));
        time =
            benchmark::wall_time_of([&] { static_cast<void>(partition.get(key_of(1))); }) / 100e6;
    }
    return benchmark::figure_of(times);
}

/// Samples of one averaged key, from many processes at once.
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

template <class Backend> void updates_of_one_key(char const* name, int updates) {
    constexpr int processes = 8;
    memcached_server const server = server_apart();
    auto const chosen = settings_for(server.address());
    auto const sample = [](int process, int i) { return std::sin(process * 100'000 + i); };
    std::vector<memo_test::child_process> workers;
    double const time = benchmark::wall_time_of([&] {
        for (int process = 0; process < processes; ++process) {
            workers.push_back(memo_test::child_process::running([&] {
                Backend const backend(chosen);
                auto const partition = backend.template partition<running>(scope);
                for (int i = 0; i < updates; ++i) {
                    partition.update(
                        key_of(1),
                        [&](running const* old) {
                            return (old != nullptr ? *old : running{}).with(sample(process, i));
                        },
                        {});
                }
                return backend.stats().errors == 0 ? 0 : 1;
            }));
        }
        for (auto& worker : workers) {
            if (worker.wait() != 0) {
                throw std::runtime_error("an update failed");
            }
        }
    });
    running serial;
    for (int process = 0; process < processes; ++process) {
        for (int i = 0; i < updates; ++i) {
            serial = serial.with(sample(process, i));
        }
    }
    Backend const backend(chosen);
    auto const kept = backend.template partition<running>(scope).get(key_of(1));
    if (!kept || kept->record.count != serial.count ||
        std::abs(kept->record.mean - serial.mean) > 1e-9 ||
        std::abs(kept->record.m2 / serial.m2 - 1) > 1e-9) {
        throw std::logic_error(
            "updates were lost: " + std::to_string(kept ? kept->record.count : 0) + " of " +
            std::to_string(serial.count) + " are there");
    }
    std::cout << '\n'
              << name << ": " << processes << " processes x " << updates
              << " updates of one key: count " << kept->record.count << ", moments as serial, "
              << time / 1e9 << " s\n";
}

/// About 11 us of work, as a naive Bayes utility of a small data set takes.
double cheap_utility(std::uint64_t x) {
    double sum = static_cast<double>(x % 7);
    for (int i = 0; i < 1'700; ++i) {
        sum = std::sqrt(sum + i);
    }
    return sum;
}

/// Speed of a cheap function over two tiers relative to none at all, where nothing repeats: the
/// worst that a cache can meet.
benchmark::comparison cheap_function_over_tiers(bool quick, memo::storing_threshold chosen) {
    memcached_server const server = server_apart();
    memo::tiered<memo::memory, memo::memcached> const tiers(
        memo::memory(), memo::memcached(settings_for(server.address())));
    auto const cached =
        memo::memoize(memo::fn<&cheap_utility>{},
                      {.name = "cheap", .version = "1", .time_threshold = chosen}, tiers);
    auto const none =
        memo::memoize(memo::fn<&cheap_utility>{}, {.name = "none", .version = "2"}, memo::none());
    std::uint64_t next = 0;
    std::uint64_t other = 0;
    benchmark::interleaved calls;
    std::size_t const count = quick ? 500 : 5'000;
    calls.add_each("none", count, [&] { benchmark::keep(none(++other)); });
    calls.add_each("tiers", count, [&] { benchmark::keep(cached(++next)); });
    calls.measure(quick ? 3 : 21);
    benchmark::print(chosen.is_worthwhile() ? "a cheap function over tiers, worthwhile"
                                            : "a cheap function over tiers, everything",
                     calls, "none");
    return calls.ratio("none", "tiers");
}

/// How many times quicker 64 hits are by `many` than by 64 calls.
benchmark::comparison many_over_single(bool quick) {
    memcached_server const server = server_apart();
    auto const f = memo::memoize(memo::fn<&twice>{}, {.name = "many", .version = "1"},
                                 memo::memcached(settings_for(server.address())));
    std::vector<int> calls(64);
    std::iota(calls.begin(), calls.end(), 0);
    static_cast<void>(f.many(calls));
    benchmark::interleaved hits;
    std::size_t const count = quick ? 20 : 200;
    hits.add_each("64 calls", count, [&] {
        for (int const x : calls) {
            benchmark::keep(f(x));
        }
    });
    hits.add_each("many", count, [&] {
        for (auto const& each : f.many(calls)) {
            benchmark::keep(each.value());
        }
    });
    hits.measure(quick ? 3 : 21);
    if (f.stats().evaluations != calls.size()) {
        throw std::logic_error("what was stored is not there");
    }
    benchmark::print("64 hits over TCP", hits, "64 calls");
    return hits.ratio("64 calls", "many");
}

void run(bool quick, std::string const& file) {
    benchmark::goals goals;
    effort const effort = quick ? ::effort{3, 50} : ::effort{21, 1000};

    benchmark::pinned const client(0);
    memcached_server const tcp = server_apart();
    auto const over_tcp = against_raw("TCP", tcp, effort);
    memcached_server const local = server_apart(memcached_server::transport::unix_socket);
    auto const over_unix = against_raw("unix socket", local, effort);
    goals.at_most("hit_tcp_vs_raw", over_tcp.hits.ratio(ours, bare), 1.10);
    goals.at_most("hit_unix_vs_raw", over_unix.hits.ratio(ours, bare), 1.10);
    goals.at_most("miss_set_vs_raw", over_tcp.stores.ratio(ours, bare), 1.15);
    goals.at_most("update_vs_raw", over_tcp.updates.ratio(ours, bare), 2.2);
    goals.at_most("stopped_longest_vs_timeout",
                  benchmark::extreme(longest_call_while_stopped(quick)), 1.5);
    goals.at_most("breaker_open_us", cost_of_open_breaker(quick), 1.0);
    goals.at_most("drip_vs_timeout", lookup_while_dripping(quick), 1.2);
    updates_of_one_key<memo::memcached>("memo::memcached", quick ? 100 : 10'000);
    updates_of_one_key<memo::libmemcached>("memo::libmemcached", quick ? 100 : 10'000);

    cheap_function_over_tiers(quick, 0ns);
    goals.at_least("worthwhile_vs_none", cheap_function_over_tiers(quick, memo::worthwhile), 0.95);

    goals.at_least("many_vs_single", many_over_single(quick), 8);

    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What the memcached backend costs", run);
}
