// SPDX-License-Identifier: BSL-1.0

// Exact Shapley values by several processes that share one cache on a memcached, as they would on
// several machines.
//
// The players are groups of handwritten digits, as in exact_shapley_groups. Every worker needs the
// utility of all 4095 coalitions. It first claims the coalitions of its own share one after the
// other, so no worker trains a model that another one has trained or is training. Then it looks all
// others up in one batch, and trains the missing ones. A memory tier over memcached stores what it
// has looked up. Finally each worker values some of the players.
//
// The workers and one process with a memory cache are timed in turns, both with an empty cache.
// Finally the workers start again, and train nothing.

#include "support/command_line.hpp"
#include "support/comparison.hpp"
#include "support/data_directory.hpp"
#include "support/digits_utility.hpp"
#include "support/exact_shapley.hpp"
#include "support/median.hpp"
#include "support/output_files.hpp"
#include "support/progress_bar.hpp"
#include "support/stopwatch.hpp"
#include "support/workers.hpp"
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace examples;

// About 2 ms per model: a shared result must take longer to compute than to fetch.
constexpr gradient_descent training{.steps = 30, .rate = 1};

constexpr std::size_t max_groups = 16;

struct settings {
    std::string server = "127.0.0.1:11211";
    std::size_t groups = 12;
    std::size_t workers = 4;
    std::size_t rounds = 3;
    std::uint64_t seed = 1;
    bool quick = false;
    std::filesystem::path json;
};

/// The results of one worker.
struct report {
    std::uint64_t evaluations;
    std::uint64_t errors;                  ///< failed operations of the cache
    std::array<double, max_groups> values; ///< those of its players
};

struct valuation {
    player_values values;
    std::uint64_t evaluations = 0;
    std::uint64_t errors = 0;
    double seconds = 0;
};

/// The non-empty coalitions, distributed to the workers: large ones, which take longest, first.
std::vector<memo::index_set> share_of(std::size_t worker, std::size_t workers,
                                      std::size_t players) {
    std::vector<std::uint64_t> all((std::uint64_t{1} << players) - 1);
    std::iota(all.begin(), all.end(), 1);
    std::ranges::sort(all, std::ranges::greater{},
                      [](std::uint64_t bits) { return std::pair(std::popcount(bits), bits); });
    std::vector<memo::index_set> share;
    for (std::size_t i = worker; i < all.size(); i += workers) {
        share.push_back(coalition_of(all[i], players));
    }
    return share;
}

template <class Backend> auto remembered(sample_groups const& groups, Backend backend) {
    return memo::memoize<Backend>(utility_of(groups, training),
                                  {.name = "digits-groups-softmax-accuracy", .version = "1"},
                                  std::move(backend));
}

memo::memcached shared_cache(settings const& chosen, std::string const& name_space) {
    return memo::memcached{{.servers = {chosen.server},
                            .name_space = name_space,
                            .operation_timeout = std::chrono::seconds(1),
                            .lease = std::chrono::seconds(30)}};
}

/// Trains the models that no other worker trains, then values the players of this worker.
void work(settings const& chosen, sample_groups const& groups, std::string const& name_space,
          std::size_t worker, report& done) {
    auto const utility =
        remembered(groups, memo::tiered(memo::memory(), shared_cache(chosen, name_space)));
    for (auto const& coalition : share_of(worker, chosen.workers, groups.size())) {
        auto claim = utility.try_claim(coalition);
        if (claim.state() == memo::claim_state::claimed) {
            claim.run();
        } // a busy one is looked up later
    }
    // From the end of each share, because its own worker starts at the beginning.
    std::vector<memo::index_set> others;
    for (std::size_t next = 1; next < chosen.workers; ++next) {
        auto const share =
            share_of((worker + next) % chosen.workers, chosen.workers, groups.size());
        others.insert(others.end(), share.rbegin(), share.rend());
    }
    static_cast<void>(utility.many(others));
    game const of(groups.size(), std::ref(utility), worth_of_guessing);
    for (std::size_t player = worker; player < groups.size(); player += chosen.workers) {
        done.values.at(player) = exact_shapley_value(of, player);
    }
    auto const counts = utility.stats();
    done.evaluations = counts.evaluations;
    done.errors = counts.errors;
}

valuation value_by_workers(settings const& chosen, sample_groups const& groups,
                           std::string const& name_space) {
    stopwatch const running;
    auto const reports =
        in_processes<report>(chosen.workers, [&](std::size_t worker, report& done) {
            work(chosen, groups, name_space, worker, done);
        });
    valuation result;
    result.seconds = running.seconds();
    for (auto const& done : reports) {
        result.evaluations += done.evaluations;
        result.errors += done.errors;
    }
    for (std::size_t player = 0; player < groups.size(); ++player) {
        result.values.push_back(reports[player % chosen.workers].values.at(player));
    }
    return result;
}

/// In this process, with an empty memory cache.
valuation value_alone(sample_groups const& groups) {
    stopwatch const running;
    auto const utility = remembered(groups, memo::memory());
    valuation result;
    result.values = exact_shapley(game(groups.size(), std::ref(utility), worth_of_guessing));
    result.seconds = running.seconds();
    result.evaluations = utility.stats().evaluations;
    return result;
}

struct experiment {
    valuation alone;   ///< the seconds of both are medians
    valuation workers; ///< the evaluations are those of the worst round
    valuation again;
    std::uint64_t distinct = 0;
    bool identical_values = true;

    [[nodiscard]] double speedup() const { return alone.seconds / workers.seconds; }
    [[nodiscard]] double redundancy() const {
        return static_cast<double>(workers.evaluations) / static_cast<double>(distinct);
    }
};

experiment run(settings const& chosen, sample_groups const& groups) {
    experiment result;
    result.distinct = (std::uint64_t{1} << groups.size()) - 1;
    std::vector<double> alone_seconds;
    std::vector<double> workers_seconds;
    // New names, so that every round begins with an empty cache.
    auto const name_space = [&](std::size_t round) {
        auto const now = std::chrono::system_clock::now().time_since_epoch().count();
        return "shapley-" + std::to_string(::getpid()) + '-' + std::to_string(now) + '-' +
               std::to_string(round);
    };
    std::string last;
    progress_bar progress(2 * chosen.rounds + 1);
    for (std::size_t round = 0; round < chosen.rounds; ++round) {
        result.alone = value_alone(groups);
        alone_seconds.push_back(result.alone.seconds);
        progress.advance();

        last = name_space(round);
        auto workers = value_by_workers(chosen, groups, last);
        workers_seconds.push_back(workers.seconds);
        result.identical_values =
            result.identical_values && identical(workers.values, result.alone.values);
        workers.evaluations = std::max(workers.evaluations, result.workers.evaluations);
        workers.errors += result.workers.errors;
        result.workers = std::move(workers);
        progress.advance();
    }
    result.alone.seconds = median(std::move(alone_seconds));
    result.workers.seconds = median(std::move(workers_seconds));
    result.again = value_by_workers(chosen, groups, last);
    result.identical_values =
        result.identical_values && identical(result.again.values, result.alone.values);
    progress.advance();
    return result;
}

void print(std::ostream& out, settings const& chosen, experiment const& result) {
    auto const row = [&](std::string const& title, valuation const& of) {
        out << std::left << std::setw(34) << title << std::right << std::setw(12) << of.evaluations
            << std::setw(10) << std::fixed << std::setprecision(3) << of.seconds << '\n';
    };
    out << "                                   evaluations   seconds\n";
    row("one process, memory", result.alone);
    row(std::to_string(chosen.workers) + " workers, memory over memcached", result.workers);
    row("the same, started again", result.again);
    out << "\ndistinct subsets " << result.distinct << ", evaluations per subset "
        << result.redundancy() << ", speed-up " << std::setprecision(2) << result.speedup()
        << "\nThe values are "
        << (result.identical_values ? "identical, bit for bit.\n" : "NOT THE SAME.\n");
}

void write_json(std::ostream& out, settings const& chosen, sample_groups const& groups,
                experiment const& result) {
    auto const goal = [](char const* id, double value, double bound, bool ok) {
        return nlohmann::json{{"id", id}, {"value", value}, {"goal", bound}, {"ok", ok}};
    };
    auto const figures = [](valuation const& of) {
        return nlohmann::json{
            {"evaluations", of.evaluations}, {"errors", of.errors}, {"seconds", of.seconds}};
    };
    nlohmann::json const report{
        {"goals",
         {goal("workers_evaluations_vs_distinct", result.redundancy(), 1.01,
               result.redundancy() <= 1.01),
          goal("workers_speedup", result.speedup(), 1.6, result.speedup() >= 1.6)}},
        {"groups", groups.size()},
        {"workers", chosen.workers},
        {"rounds", chosen.rounds},
        {"distinct_subsets", result.distinct},
        {"identical_values", result.identical_values},
        {"one_process", figures(result.alone)},
        {"workers_cold", figures(result.workers)},
        {"workers_again", figures(result.again)},
        {"shapley_values", result.again.values}};
    out << report.dump(2) << '\n';
}

int value_and_report(settings chosen) {
    if (chosen.quick) {
        chosen.groups = std::min<std::size_t>(chosen.groups, 6);
        chosen.rounds = 1;
    }
    require_writable({{}, chosen.json, {}});
    auto const groups =
        draw_groups(load_csv(data_directory() / "digits.csv"), chosen.groups, chosen.seed);
    std::cout << "Exact Shapley values of " << groups.size() << " groups of " << rows_per_group
              << " handwritten digits, by " << chosen.workers << " workers.\n\n";
    auto const result = run(chosen, groups);
    print(std::cout, chosen, result);
    write_file(chosen.json, [&](std::ostream& out) { write_json(out, chosen, groups, result); });
    if (result.workers.errors + result.again.errors != 0) {
        throw std::runtime_error("operations on the memcached at " + chosen.server + " failed: " +
                                 std::to_string(result.workers.errors + result.again.errors));
    }
    return result.identical_values && result.again.evaluations == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    command_line line("parallel_memcached",
                      "Exact Shapley values by several processes that share a memcached");
    line.option("--server", chosen.server, "Address of the memcached: host:port, or a unix socket");
    line.from_environment("--server", "MEMCACHED");
    line.option("--groups", chosen.groups, "Number of groups", between(std::size_t{2}, max_groups));
    line.option("--workers", chosen.workers, "Number of processes", between(1, 64));
    line.option("--rounds", chosen.rounds, "Number of timed rounds", between(1, 100));
    line.option("--seed", chosen.seed, "Seed of the samples");
    line.flag("--quick", chosen.quick, "At most 6 groups and one round");
    line.file("--json", chosen.json, "Write all results to this file, as JSON");
    return line.run(argc, argv, [&] { return value_and_report(chosen); });
}
