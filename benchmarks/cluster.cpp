// SPDX-License-Identifier: BSL-1.0
//
// Many processes that share several memcached servers: 64 workers and 8 servers on this machine, with a
// server that is killed and started again; and a simulation of the same, fed with the times measured
// here, checked against the 64 workers and taken to 10 000 workers and 100 servers.
//
//   cluster [--quick] [--json FILE]

#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>
#include <support/cluster_run.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/simulated_cluster.hpp>

#include "tests/support/memcached_server.hpp"
#include "tests/support/temp_dir.hpp"
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <examples/support/comparison.hpp>
#include <examples/support/data_directory.hpp>
#include <examples/support/digits_utility.hpp>
#include <examples/support/exact_shapley.hpp>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using benchmark::cluster_run;
using benchmark::run_result;
using benchmark::server_group;
using benchmark::topology;
using benchmark::worker;

namespace {

/// The size of everything.
struct size {
    std::size_t workers = 64;
    std::size_t servers = 8;
    std::size_t groups = 12;
    std::size_t calls = 300;   ///< of a worker of the Monte-Carlo run
    std::size_t keys = 20'000; ///< of it
    std::size_t simulated_workers = 10'000;
    std::size_t simulated_servers = 100;
};

constexpr size quick_size{8, 4, 4, 50, 200, 200, 10};

bool is_same(double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// The numbers below `count`, in a random order of the worker.
std::vector<std::size_t> own_order(std::size_t count, std::size_t worker) {
    examples::random_engine engine(worker + 1);
    return examples::random_order(count, engine);
}

// Exact values of groups of digits.

class digits_job {
  public:
    explicit digits_job(std::size_t players)
        : groups_(examples::draw_groups(
              examples::load_csv(examples::data_directory() / "digits.csv"), players, 1)),
          worth_(std::size_t{1} << players),
          seconds_(worth_.size()) {
        worth_[0] = examples::worth_of_guessing;
        for (std::size_t bits = 1; bits < worth_.size(); ++bits) {
            double const begin = benchmark::thread_time();
            worth_[bits] = evaluate(examples::coalition_of(bits, players));
            seconds_[bits] = (benchmark::thread_time() - begin) / 1e9;
        }
        values_ = examples::exact_shapley(
            {players, [&](memo::index_set const& chosen) { return worth_[bits_of(chosen)]; },
             examples::worth_of_guessing});
    }

    [[nodiscard]] std::size_t distinct() const { return worth_.size() - 1; }
    [[nodiscard]] double seconds(std::size_t bits) const { return seconds_[bits]; }

    [[nodiscard]] double evaluate(memo::index_set const& chosen) const {
        return examples::test_accuracy(groups_, {.steps = 3, .rate = 1}, chosen);
    }

    /// The worker's order of the coalitions: each has its own, so that few ask for one at a time.
    [[nodiscard]] std::vector<std::size_t> order_of(std::size_t number) const {
        auto order = own_order(distinct(), number);
        for (std::size_t& each : order) {
            ++each;
        }
        return order;
    }

    /// All coalitions, then the values of all players.
    std::uint64_t work(worker& self) const {
        std::uint64_t wrong = 0;
        std::size_t const players = groups_.size();
        auto const order = order_of(self.number());
        self.begin_part(1);
        for (std::size_t const bits : order) {
            double const value = self.call(examples::coalition_of(bits, players));
            wrong += is_same(value, worth_[bits]) ? 0U : 1U;
        }
        self.end_part();
        auto const values = examples::exact_shapley(
            {players, [&](memo::index_set const& chosen) { return self.call(chosen); },
             examples::worth_of_guessing});
        return wrong + (examples::identical(values, values_) ? 0U : 1U);
    }

  private:
    [[nodiscard]] static std::size_t bits_of(memo::index_set const& chosen) {
        std::size_t bits = 0;
        for (std::size_t const player : chosen) {
            bits |= std::size_t{1} << player;
        }
        return bits;
    }

    examples::sample_groups groups_;
    std::vector<double> worth_;   ///< by the bits of the coalition
    std::vector<double> seconds_; ///< of a core, for one evaluation
    examples::player_values values_;
};

// A Monte-Carlo run whose keys follow Zipf's law.

/// Keys with the probabilities 1/1, 1/2, 1/3, … of all workers.
std::vector<std::vector<std::uint32_t>> zipf_keys(std::size_t workers, std::size_t calls,
                                                  std::size_t keys) {
    std::vector<double> up_to(keys);
    double sum = 0;
    for (std::size_t key = 0; key < keys; ++key) {
        up_to[key] = sum += 1 / static_cast<double>(key + 1);
    }
    std::vector<std::vector<std::uint32_t>> all(workers, std::vector<std::uint32_t>(calls));
    for (std::size_t worker = 0; worker < workers; ++worker) {
        examples::random_engine engine(worker + 1);
        for (std::uint32_t& key : all[worker]) {
            double const place = sum * static_cast<double>(engine() >> 11) * 0x1p-53;
            key =
                static_cast<std::uint32_t>(std::ranges::upper_bound(up_to, place) - up_to.begin());
        }
    }
    return all;
}

std::size_t distinct_of(std::vector<std::vector<std::uint32_t>> const& keys) {
    std::vector<std::uint32_t> all;
    for (auto const& of_worker : keys) {
        all.insert(all.end(), of_worker.begin(), of_worker.end());
    }
    std::ranges::sort(all);
    return static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin());
}

/// A key as an argument: its bits.
memo::index_set set_of(std::size_t key) {
    return examples::coalition_of(key + 1, 32);
}

double value_of(memo::index_set const& set) {
    double value = 1;
    for (std::size_t const i : set) {
        value += std::sqrt(static_cast<double>(i) + value);
    }
    return value;
}

/// A function that waits as long as an evaluation takes, because all workers share this machine's cores.
worker::utility waiting(std::chrono::microseconds time) {
    return [time](memo::index_set const& set) {
        std::this_thread::sleep_for(time);
        return value_of(set);
    };
}

// The runs.

/// Workers who look up what others have stored, without any evaluation: what a request costs.
benchmark::cluster_times measured_times(server_group& servers, size const& chosen) {
    std::size_t const keys = chosen.workers * 16;
    cluster_run run(servers, chosen.workers, value_of, [&](worker& self) {
        self.begin_part(1);
        for (std::size_t key = self.number(); key < keys; key += chosen.workers) {
            self.call(set_of(key));
        }
        self.end_part();
        self.begin_part(2);
        for (std::size_t const key : own_order(keys, self.number())) {
            self.call(set_of(key));
        }
        self.end_part();
        return std::uint64_t{0};
    });
    auto const done = run.over(topology::one_ring, "lookups", [](cluster_run& of) {
        of.begin_part(1);
        of.begin_part(2);
    });
    double server_cpu = 0;
    double bytes = 0;
    double items = 0;
    for (benchmark::server_counts const& each : done.servers) {
        server_cpu += each.cpu;
        bytes += each.bytes;
        items += each.items;
    }
    auto const requests = static_cast<double>(done.requests());
    // What the kernel does for both, and what both lose to each other, is in the wall time only.
    double const both =
        done.seconds * static_cast<double>(std::thread::hardware_concurrency()) / requests;
    double const share = server_cpu / (server_cpu + done.worker_cpu);
    std::cout << "a request takes " << std::fixed << std::setprecision(1) << both * 1e6
              << " us of a core, " << 100 * share << " % of it at the server; a record of 8 bytes "
              << bytes / items << " bytes there\n";
    return {both * (1 - share), both * share, 0};
}

/// A plan for the simulation of what runs here.
benchmark::cluster_plan plan_of(server_group const& servers, size const& chosen, topology how) {
    benchmark::cluster_plan plan;
    plan.workers = chosen.workers;
    if (how == topology::two_rings) {
        plan.rings = {servers.addresses(0, chosen.servers / 2),
                      servers.addresses(chosen.servers / 2, chosen.servers / 2)};
    } else {
        plan.rings = {servers.addresses(0, chosen.servers)};
    }
    plan.shared_cores = std::thread::hardware_concurrency();
    plan.lease = std::chrono::duration<double>(benchmark::lease).count();
    plan.operation_timeout = std::chrono::duration<double>(benchmark::operation_timeout).count();
    return plan;
}

/// What is known of a run, real or simulated.
benchmark::plain_table::row row_of(run_result const& done) {
    return {done.name,
            {done.seconds, static_cast<double>(done.evaluations), done.evaluations_per_key(),
             done.near_share(), static_cast<double>(done.requests()),
             done.imbalance(0, done.servers.size()), static_cast<double>(done.errors),
             static_cast<double>(done.wrong)}};
}
benchmark::plain_table::row row_of(benchmark::cluster_outcome const& done,
                                   std::string const& name) {
    return {name + ", simulated",
            {done.seconds, static_cast<double>(done.evaluations), done.evaluations_per_key(),
             static_cast<double>(done.near_hits) / static_cast<double>(done.calls),
             static_cast<double>(done.all_requests()), done.imbalance(),
             static_cast<double>(done.timeouts), 0}};
}

/// How far the simulation is off, as a share.
double error_of(double simulated, double real) {
    return std::abs(simulated / real - 1);
}

class report {
  public:
    void real(run_result const& done) {
        wrong_ += done.wrong;
        rows_.push_back(row_of(done));
    }

    /// Prints the runs since the last time.
    void print(std::string const& title) {
        benchmark::print({title,
                          {"seconds", "evaluations", "evaluations per key", "share of near hits",
                           "requests", "imbalance", "errors", "wrong values"},
                          std::exchange(rows_, {})});
    }

    void simulated(run_result const& real, benchmark::cluster_outcome const& done) {
        rows_.push_back(row_of(done, real.name));
        worst_requests_ =
            std::max(worst_requests_, error_of(static_cast<double>(done.all_requests()),
                                               static_cast<double>(real.requests())));
        worst_seconds_ = std::max(worst_seconds_, error_of(done.seconds, real.seconds));
    }

    benchmark::goals goals;
    [[nodiscard]] double wrong() const { return static_cast<double>(wrong_); }
    [[nodiscard]] double worst_requests() const { return worst_requests_; }
    [[nodiscard]] double worst_seconds() const { return worst_seconds_; }

  private:
    std::vector<benchmark::plain_table::row> rows_;
    std::uint64_t wrong_ = 0;
    double worst_requests_ = 0;
    double worst_seconds_ = 0;
};

void exact_runs(server_group& servers, size const& chosen, benchmark::cluster_times const& times,
                report& all) {
    digits_job const job(chosen.groups);
    std::size_t const distinct = job.distinct();
    std::vector<std::vector<std::size_t>> orders;
    for (std::size_t number = 0; number < chosen.workers; ++number) {
        orders.push_back(job.order_of(number));
    }
    auto const plan = [&](topology how, std::vector<benchmark::cluster_fault> faults) {
        auto result = plan_of(servers, chosen, how);
        result.keys = distinct + 1;
        result.calls = distinct;
        result.key_of = [&](std::size_t number, std::size_t call) { return orders[number][call]; };
        result.evaluation = [&](std::size_t bits) { return job.seconds(bits); };
        result.faults = std::move(faults);
        return result;
    };
    auto const over = [&](topology how, std::string const& name,
                          std::function<void(cluster_run&)> const& during) {
        cluster_run run(
            servers, chosen.workers,
            [&](memo::index_set const& coalition) { return job.evaluate(coalition); },
            [&](worker& self) { return job.work(self); });
        auto done = run.over(how, name, during);
        done.distinct = distinct;
        all.real(done);
        return done;
    };
    std::size_t const last = servers.size() - 1;
    auto const undisturbed = over(topology::one_ring, "one ring", benchmark::begin);
    auto const control = over(topology::one_ring, "one ring once more", benchmark::begin);
    all.goals.at_most("control_seconds",
                      benchmark::measured_once(std::max(undisturbed.seconds, control.seconds) /
                                               std::min(undisturbed.seconds, control.seconds)),
                      1.1);
    all.simulated(undisturbed, benchmark::simulate(plan(topology::one_ring, {}), times));
    over(topology::one_ring, "one ring, a server killed and started again",
         benchmark::kill_and_start(last, distinct));
    auto const mirrored =
        over(topology::two_rings, "two rings, the same", benchmark::kill_and_start(last, distinct));
    all.simulated(mirrored,
                  benchmark::simulate(
                      plan(topology::two_rings, {{0.25, last, true}, {0.5, last, false}}), times));
    auto const on_disk = over(topology::disk_and_ring, "disk and one ring, the same",
                              benchmark::kill_and_start(last, distinct));
    all.print("exact values of " + std::to_string(chosen.groups) + " groups of digits, " +
              std::to_string(distinct) + " coalitions, each asked for by " +
              std::to_string(chosen.workers) +
              " workers; the near hits of real runs are also those of the values that follow");
    using benchmark::counted;
    all.goals.at_most("evaluations_per_subset", counted(undisturbed.evaluations_per_key()), 1.01);
    all.goals.at_most("evaluations_per_subset_two_rings_killed",
                      counted(mirrored.evaluations_per_key()), 1.01);
    all.goals.at_most("evaluations_per_subset_disk_killed", counted(on_disk.evaluations_per_key()),
                      1.01);
    all.goals.at_most("ring_imbalance", counted(undisturbed.imbalance(0, servers.size())), 1.25);
}

void monte_carlo_runs(server_group& servers, size const& chosen,
                      benchmark::cluster_times const& times, report& all) {
    auto const keys = zipf_keys(chosen.workers, chosen.calls, chosen.keys);
    std::size_t const distinct = distinct_of(keys);
    constexpr auto evaluation = 20ms;
    auto const work = [&](worker& self) {
        std::uint64_t wrong = 0;
        self.begin_part(1);
        for (std::uint32_t const key : keys[self.number()]) {
            auto const set = set_of(key);
            wrong += is_same(self.call(set), value_of(set)) ? 0U : 1U;
        }
        self.end_part();
        return wrong;
    };
    auto const over = [&](topology how, std::string const& name,
                          std::vector<benchmark::cluster_fault> const& faults,
                          std::function<void(cluster_run&)> const& during) {
        cluster_run run(servers, chosen.workers, waiting(evaluation), work);
        auto done = run.over(how, name, during);
        done.distinct = distinct;
        all.real(done);
        auto plan = plan_of(servers, chosen, how);
        plan.keys = chosen.keys;
        plan.calls = chosen.calls;
        plan.key_of = [&](std::size_t number, std::size_t call) { return keys[number][call]; };
        plan.evaluation = [&](std::size_t) {
            return std::chrono::duration<double>(evaluation).count();
        };
        plan.evaluation_uses_core = false;
        plan.faults = faults;
        all.simulated(done, benchmark::simulate(plan, times));
        return done;
    };
    auto const undisturbed = over(topology::one_ring, "one ring", {}, benchmark::begin);
    auto const mirrored =
        over(topology::two_rings, "two rings, a near server killed and started again",
             {{0.25, 0, true}, {0.5, 0, false}}, benchmark::kill_and_start(0, distinct));
    all.print("Monte-Carlo run of " + std::to_string(chosen.workers) + " workers, " +
              std::to_string(chosen.calls) + " calls of each by Zipf's law, " +
              std::to_string(distinct) + " distinct keys, evaluations of 20 ms");
    using benchmark::counted;
    all.goals.at_most("evaluations_per_key", counted(undisturbed.evaluations_per_key()), 1.01);
    all.goals.at_most("evaluations_per_key_two_rings_killed",
                      counted(mirrored.evaluations_per_key()), 1.01);
}

/// All workers reconnect at once, then ask for one key at once.
void bursts(server_group& servers, size const& chosen, report& all) {
    constexpr std::size_t keys = 64;
    constexpr auto evaluation = 100ms;
    struct burst {
        double longest;
        std::uint64_t evaluations;
    };
    std::vector<burst> seen;
    auto const work = [&](worker& self) {
        std::uint64_t wrong = 0;
        auto const call = [&](std::size_t key) {
            wrong += is_same(self.call(set_of(key)), value_of(set_of(key))) ? 0U : 1U;
        };
        auto const order = own_order(keys, self.number());
        self.begin_part(1);
        std::ranges::for_each(order, call);
        self.begin_part(2); // all servers have started again
        std::ranges::for_each(order, [&](std::size_t key) { call(keys + key); });
        self.begin_part(3);
        call(2 * keys);
        self.begin_part(4);
        return wrong;
    };
    cluster_run run(
        servers, chosen.workers,
        [&](memo::index_set const& set) {
            if (set == set_of(2 * keys)) {
                std::this_thread::sleep_for(evaluation);
            }
            return value_of(set);
        },
        work);
    auto const done = run.over(topology::one_ring, "bursts", [&](cluster_run& of) {
        auto const end_part = [&](std::uint32_t next) {
            of.wait_until_ready(next);
            seen.push_back(
                {static_cast<double>(of.shared().longest) / 1e6, of.shared().evaluations});
        };
        of.begin_part(1);
        of.wait_until_ready(2);
        for (std::size_t i = 0; i < servers.size(); ++i) {
            servers.restart(i);
        }
        std::uint64_t const before = of.shared().evaluations;
        of.begin_part(2);
        end_part(3);
        seen.back().evaluations -= before;
        of.begin_part(3);
        end_part(4);
        seen.back().evaluations -= seen.front().evaluations + before;
        of.begin_part(4);
    });
    std::cout << "\nAll servers started again, then " << keys
              << " keys asked for by all: " << done.reconnects << " reconnections, " << done.errors
              << " errors, " << seen[0].evaluations << " evaluations, longest call "
              << std::setprecision(1) << 1e3 * seen[0].longest
              << " ms\nA key of 100 ms asked for by all at once: " << seen[1].evaluations
              << " evaluation, longest call " << 1e3 * seen[1].longest << " ms\n";
    all.goals.exactly("reconnect_errors", static_cast<double>(done.errors), 0);
    all.goals.at_most("reconnect_evaluations_per_key",
                      benchmark::counted(static_cast<double>(seen[0].evaluations) / keys), 1.01);
    all.goals.exactly("hot_key_evaluations", static_cast<double>(seen[1].evaluations), 1);
    all.goals.exactly("burst_wrong_values", static_cast<double>(done.wrong), 0);
}

/// All servers of the far ring are dead when all workers ask for one key at once.
void burst_without_far_ring(server_group& servers, size const& chosen, report& all) {
    auto const work = [](worker& self) {
        self.begin_part(1);
        auto wrong = std::uint64_t{is_same(self.call(set_of(1)), value_of(set_of(1))) ? 0U : 1U};
        self.begin_part(2);
        wrong += is_same(self.call(set_of(0)), value_of(set_of(0))) ? 0U : 1U;
        return wrong;
    };
    cluster_run run(servers, chosen.workers, waiting(100ms), work);
    std::uint64_t before = 0;
    auto const done = run.over(topology::two_rings, "no far ring", [&](cluster_run& of) {
        of.begin_part(1);
        of.wait_until_ready(2);
        before = of.shared().evaluations;
        for (std::size_t i = servers.size() / 2; i < servers.size(); ++i) {
            of.servers().kill(i);
        }
        of.begin_part(2);
    });
    for (std::size_t i = servers.size() / 2; i < servers.size(); ++i) {
        servers.start(i);
    }
    auto const evaluations = static_cast<double>(done.evaluations - before);
    std::cout << "Another one while all servers of the far ring are dead: " << evaluations
              << " evaluation\n";
    all.goals.exactly("hot_key_evaluations_without_far_ring", evaluations, 1);
    all.goals.exactly("burst_without_far_ring_wrong_values", static_cast<double>(done.wrong), 0);
}

std::vector<double> thousand_times(int x) {
    std::vector<double> numbers(1000);
    std::ranges::fill(numbers, x);
    return numbers;
}

/// Evaluations of a second pass over 1000 results of 8 KB, after a first one.
template <class Backend> std::uint64_t evaluated_again(Backend backend) {
    auto const function = memo::memoize(
        memo::fn<&thousand_times>{}, {.name = "full server", .version = "1"}, std::move(backend));
    constexpr int keys = 1000;
    for (int x = 0; x < keys; ++x) {
        function(x);
    }
    std::uint64_t const first = function.stats().evaluations;
    for (int x = 0; x < keys; ++x) {
        function(x);
    }
    return function.stats().evaluations - first;
}

/// A server whose memory does not hold the results evicts some.
void full_server(report& all) {
    using memo_test::memcached_server;
    memcached_server const server(memcached_server::transport::tcp, {"-m", "4"});
    memo_test::temp_dir const folder;
    auto const ring = [&](char const* name_space) {
        return memo::memcached({.servers = {server.address()}, .name_space = name_space});
    };
    std::uint64_t const without = evaluated_again(ring("without-disk"));
    std::uint64_t const with =
        evaluated_again(memo::tiered(memo::disk({.directory = folder / "cache"}), ring("disk")));
    std::cout << "\nA server of 4 MiB, asked twice for 1000 results of 8 KB: " << without
              << " evaluated again; " << with << " with a disk before it\n";
    all.goals.exactly("full_server_evaluated_again_with_disk", static_cast<double>(with), 0);
}

// Beyond this machine.

constexpr std::size_t cores_of_server = 4;

benchmark::cluster_plan large_plan(std::size_t workers, std::size_t servers, std::size_t rings) {
    benchmark::cluster_plan plan;
    plan.workers = workers;
    for (std::size_t ring = 0; ring < rings; ++ring) {
        plan.rings.emplace_back();
        for (std::size_t i = 0; i < servers / rings; ++i) {
            plan.rings.back().push_back("10.0." + std::to_string(ring) + '.' + std::to_string(i));
        }
    }
    plan.server_cores = cores_of_server;
    plan.evaluation_uses_core = false;
    plan.lease = 60;
    return plan;
}

/// The share of its cores that the busiest server uses, in percent.
double busiest(benchmark::cluster_outcome const& done) {
    return 100 * std::ranges::max(done.busy) / done.seconds / static_cast<double>(cores_of_server);
}

benchmark::plain_table::row simulate_hot_key(std::size_t workers, double evaluation, double timeout,
                                             bool grow, benchmark::cluster_times const& times) {
    auto plan = large_plan(workers, 1, 1);
    plan.keys = 1;
    plan.calls = 1;
    plan.key_of = [](std::size_t, std::size_t) { return std::size_t{0}; };
    plan.evaluation = [=](std::size_t) { return evaluation; };
    plan.operation_timeout = timeout;
    plan.waits_grow = grow;
    auto const done = benchmark::simulate(plan, times);
    return {grow ? "waits that grow" : "waits of at most 16 ms",
            {static_cast<double>(workers), evaluation, timeout,
             static_cast<double>(done.evaluations), done.longest_call,
             static_cast<double>(done.all_requests()), 1e3 * done.mean_request, busiest(done),
             static_cast<double>(done.timeouts)}};
}

benchmark::plain_table::row simulate_job(std::size_t workers, std::size_t servers,
                                         std::size_t rings, double evaluation,
                                         std::vector<std::vector<std::uint32_t>> const& keys,
                                         std::vector<benchmark::cluster_fault> faults,
                                         benchmark::cluster_times const& times) {
    auto plan = large_plan(workers, servers, rings);
    for (auto const& of_worker : keys) {
        plan.keys = std::max<std::size_t>(plan.keys, 1 + std::ranges::max(of_worker));
    }
    plan.calls = keys.front().size();
    plan.key_of = [&](std::size_t number, std::size_t call) { return keys[number][call]; };
    plan.evaluation = [=](std::size_t) { return evaluation; };
    plan.faults = std::move(faults);
    bool const is_killed = !plan.faults.empty();
    auto const done = benchmark::simulate(plan, times);
    auto const calls = static_cast<double>(done.calls);
    plan.faults.clear();
    double const ideal = benchmark::simulate(plan, {}).seconds;
    return {is_killed ? "one killed and started again" : "undisturbed",
            {static_cast<double>(workers), static_cast<double>(servers), static_cast<double>(rings),
             evaluation, done.evaluations_per_key(), static_cast<double>(done.near_hits) / calls,
             static_cast<double>(done.all_requests()) / calls, done.imbalance(), busiest(done),
             1e3 * done.mean_request, done.seconds, done.seconds / ideal}};
}

void simulate_large(size const& chosen, benchmark::cluster_times times) {
    times.network = 200e-6; // within a data center
    std::size_t const most = chosen.simulated_workers;
    std::size_t const servers = chosen.simulated_servers;
    std::ostringstream machines;
    machines << "simulated, servers of " << cores_of_server << " cores, " << std::fixed
             << std::setprecision(1) << times.server * 1e6
             << " us of a core for a request, 200 us on the network: ";
    benchmark::plain_table hot{machines.str() + "a key that all ask one server for at once",
                               {"workers", "evaluation, s", "timeout, s", "evaluations",
                                "longest call, s", "requests", "a request, ms", "server busy, %",
                                "timeouts"}};
    for (std::size_t const workers : {most / 100, most / 10, most}) {
        hot.rows.push_back(simulate_hot_key(workers, 0.1, 0.1, true, times));
        for (bool const grow : {false, true}) {
            hot.rows.push_back(simulate_hot_key(workers, 10, 0.1, grow, times));
        }
    }
    for (double const timeout : {0.1, 1.0}) {
        hot.rows.push_back(simulate_hot_key(4 * most, 10, timeout, true, times));
    }
    benchmark::print(hot);
    benchmark::plain_table jobs{
        machines.str() +
            "jobs of 50 calls of each worker by Zipf's law; the slowdown is to requests "
            "without cost",
        {"workers", "servers", "rings", "evaluation, s", "evaluations per key",
         "share of near hits", "requests per call", "imbalance", "busiest server, %",
         "a request, ms", "seconds", "slowdown"}};
    auto const keys = zipf_keys(most, 50, 40 * most);
    for (double const evaluation : {0.002, 0.1, 1.0}) {
        for (std::size_t const count : {servers / 10, servers}) {
            jobs.rows.push_back(simulate_job(most, count, 1, evaluation, keys, {}, times));
        }
    }
    for (std::size_t const rings : {std::size_t{1}, std::size_t{2}}) {
        jobs.rows.push_back(simulate_job(most, servers, rings, 0.1, keys,
                                         {{0.25, servers - 1, true}, {0.5, servers - 1, false}},
                                         times));
    }
    benchmark::print(jobs);
}

void run(bool quick, std::string const& file) {
    size const chosen = quick ? quick_size : size{};
    server_group servers(chosen.servers);
    report all;
    auto const times = measured_times(servers, chosen);
    exact_runs(servers, chosen, times, all);
    monte_carlo_runs(servers, chosen, times, all);
    bursts(servers, chosen, all);
    burst_without_far_ring(servers, chosen, all);
    full_server(all);
    all.goals.exactly("wrong_values", all.wrong(), 0);
    all.goals.at_most("simulated_requests_error", benchmark::counted(all.worst_requests()), 0.15);
    all.goals.at_most("simulated_seconds_error", benchmark::measured_once(all.worst_seconds()),
                      0.15, "control_seconds");
    simulate_large(chosen, times);
    all.goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "Many processes that share several memcached servers",
                              run);
}
