// SPDX-License-Identifier: BSL-1.0
// What a call costs over each backend, by the clock on the wall: a hit, one by one and by `many`, and a miss that stores.
// Starts its own memcached, on loopback and on a unix socket.

#include <memo/backends/disk.hpp>
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>
#include <support/cores.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/server_apart.hpp>

#include "tests/support/memcached_server.hpp"
#include "tests/support/temp_dir.hpp"
#include <chrono>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using memo_test::memcached_server;
using namespace std::chrono_literals;

namespace {

constexpr int batch = 64; ///< what `many` is given; as many keys are asked for one by one

struct effort {
    std::size_t rounds;
    std::size_t nearby;  ///< batches in a round where a call stays in the process
    std::size_t on_disk; ///< where it is a transaction
    std::size_t remote;  ///< where it is a round trip
};

double number(int x) {
    return 0.5 * x;
}

std::string text(int x) {
    std::string result(100, 'v');
    std::string const begin = std::to_string(x);
    return result.replace(0, begin.size(), begin);
}

/// What is measured, of all backends in turns.
struct groups {
    benchmark::interleaved hits{benchmark::wall_time}; ///< one by one, and by `many`
    benchmark::interleaved misses{benchmark::wall_time};
};

std::string by_many(std::string const& name) {
    return name + ", many of 64";
}

std::vector<int> first_batch() {
    std::vector<int> calls(batch);
    std::iota(calls.begin(), calls.end(), 0);
    return calls;
}

/// Adds a backend's variants.
///
/// batches         of hits that are one turn; of misses, which cost more and stay, it is fewer
template <class Function, class Backend>
void add(groups& all, std::string const& name, Backend const& backend, std::size_t batches) {
    auto const f = memo::memoize(Function{}, {}, backend);
    auto const calls = first_batch();
    for (int const x : calls) {
        static_cast<void>(f(x));
    }
    if (Backend::stores && !f.contains(batch - 1)) {
        throw std::logic_error(name + ": what was stored is not there");
    }
    all.hits.add(name, batches * batch, [f, calls, batches] {
        for (std::size_t i = 0; i < batches; ++i) {
            for (int const x : calls) {
                benchmark::keep(f(x));
            }
        }
    });
    int const misses = (1 + static_cast<int>(batches) / 10) * batch;
    all.misses.add(name, static_cast<std::size_t>(misses), [f, misses, next = batch]() mutable {
        for (int const end = next + misses; next < end; ++next) {
            benchmark::keep(f(next));
        }
    });
    all.hits.add(by_many(name), batches * batch, [f, calls, batches] {
        for (std::size_t i = 0; i < batches; ++i) {
            for (auto const& each : f.many(calls)) {
                benchmark::keep(each.value());
            }
        }
    });
}

memo::memcached_settings settings_for(memcached_server const& server, std::string name_space) {
    memo::memcached_settings chosen;
    chosen.servers = {server.address()};
    chosen.name_space = std::move(name_space);
    chosen.operation_timeout = 5s;
    chosen.connect_timeout = 5s;
    return chosen;
}

struct servers {
    memcached_server tcp = benchmark::server_apart();
    memcached_server local = benchmark::server_apart(memcached_server::transport::unix_socket);
};

/// One function over every backend.
///
/// kind            of its result, as titles have it
/// name_space      of its records on the servers
template <class Function>
groups measure(std::string const& kind, std::string const& name_space, servers const& at,
               effort effort) {
    memo_test::temp_dir const folder;
    memo::disk const disk({.directory = folder / "disk"});
    memo::tiered<memo::memory, memo::disk> const tiers(memo::memory(),
                                                       memo::disk({.directory = folder / "tiers"}));

    groups all;
    add<Function>(all, "none: computed", memo::none(), effort.nearby);
    add<Function>(all, "memory", memo::memory(), effort.nearby);
    add<Function>(all, "memory, bounded", memo::memory({.max_entries = 10'000}), effort.nearby);
    add<Function>(all, "memory over disk", tiers, effort.nearby);
    add<Function>(all, "disk", disk, effort.on_disk);
    add<Function>(all, "memcached, unix socket",
                  memo::memcached(settings_for(at.local, name_space)), effort.remote);
    add<Function>(all, "memcached, TCP", memo::memcached(settings_for(at.tcp, name_space)),
                  effort.remote);
    add<Function>(all, "libmemcached, unix socket",
                  memo::libmemcached(settings_for(at.local, name_space + "-lib")), effort.remote);
    add<Function>(all, "libmemcached, TCP",
                  memo::libmemcached(settings_for(at.tcp, name_space + "-lib")), effort.remote);
    for (std::string const reference :
         {"memory", "disk", "memcached, unix socket", "memcached, TCP", "libmemcached, TCP"}) {
        all.hits.measure_twice(reference);
        all.misses.measure_twice(reference);
    }
    all.hits.measure(effort.rounds);
    all.misses.measure(effort.rounds);
    benchmark::print("hit of a " + kind, all.hits, "memory");
    benchmark::print("miss and store of a " + kind, all.misses, "memory");
    return all;
}

void run(bool quick, std::string const& file) {
    benchmark::parked_thread const parked;
    benchmark::pinned const client(0);
    effort const chosen = quick ? effort{3, 10, 5, 1} : effort{31, 500, 50, 3};
    servers const at;
    auto const doubles = measure<memo::fn<&number>>("double", "double", at, chosen);
    auto const strings = measure<memo::fn<&text>>("100 B string", "string", at, chosen);

    benchmark::goals goals;
    auto const& hits = strings.hits;
    goals.at_most("bounded_hit_vs_unbounded", doubles.hits.ratio("memory, bounded", "memory"),
                  1.25);
    goals.at_most("tiered_hit_vs_memory", doubles.hits.ratio("memory over disk", "memory"), 1.25);
    goals.at_most("disk_hit_vs_unix_socket", hits.ratio("disk", "memcached, unix socket"), 0.1);
    goals.at_most("memcached_vs_libmemcached", hits.ratio("memcached, TCP", "libmemcached, TCP"),
                  1);
    goals.at_most("many_vs_single_disk", hits.ratio(by_many("disk"), "disk"), 1);
    goals.at_most("many_vs_single_memcached",
                  hits.ratio(by_many("memcached, TCP"), "memcached, TCP"), 1.0 / 3);
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What a call costs over each backend", run);
}
