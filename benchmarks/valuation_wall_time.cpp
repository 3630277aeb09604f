// SPDX-License-Identifier: BSL-1.0
// What a cache is worth to a whole job: exact Shapley values of groups of digits, as the example exact_shapley_groups has
// them, without a cache and with each of several, by the clock on the wall.

#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/wall.hpp>

#include "tests/support/temp_dir.hpp"
#include <cstddef>
#include <cstdint>
#include <examples/support/comparison.hpp>
#include <examples/support/data_directory.hpp>
#include <examples/support/digits_utility.hpp>
#include <examples/support/exact_shapley.hpp>
#include <examples/support/parallel.hpp>
#include <functional>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr examples::gradient_descent training{.steps = 6, .rate = 1};

std::string const no_cache = "no cache";
std::string const memory = "memory";
std::string const all_cores = "memory, all cores";
std::string const disk_cold = "disk, empty";
std::string const disk_warm = "disk, run again";

struct job {
    examples::player_values values;
    std::uint64_t evaluations = 0;
};

template <class Backend>
auto remembered_utility(examples::sample_groups const& groups, Backend backend) {
    return memo::memoize<Backend>(examples::utility_of(groups, training),
                                  {.name = "digits-groups-softmax-accuracy", .version = "1"},
                                  std::move(backend));
}

template <class Utility> examples::game game_of(Utility& utility, std::size_t players) {
    return {players, std::ref(utility), examples::worth_of_guessing};
}

template <class Backend> job value_groups(examples::sample_groups const& groups, Backend backend) {
    auto utility = remembered_utility(groups, std::move(backend));
    auto values = examples::exact_shapley(game_of(utility, groups.size()));
    return {std::move(values), utility.stats().evaluations};
}

/// All cores go through the coalitions, one through the values then.
job value_groups_by_all_cores(examples::sample_groups const& groups) {
    auto utility = remembered_utility(groups, memo::memory());
    auto const game = game_of(utility, groups.size());
    std::size_t const coalitions = std::size_t{1} << groups.size();
    examples::progress_bar progress(coalitions);
    examples::in_parallel(coalitions, progress, [&](std::size_t bits) {
        static_cast<void>(game.worth(examples::coalition_of(bits, groups.size())));
    });
    auto values = examples::exact_shapley(game);
    return {std::move(values), utility.stats().evaluations};
}

void run(bool quick, std::string const& file) {
    std::size_t const players = quick ? 3 : 12;
    auto const groups = examples::draw_groups(
        examples::load_csv(examples::data_directory() / "digits.csv"), players, 1);
    std::size_t const of_player = (std::size_t{1} << players) - 1; // nobody's worth is known
    std::size_t const requests = players * of_player;
    memo_test::temp_dir const folder;
    std::size_t directories = 0;

    // Without a cache a turn is one player: it takes as long as all of them with one.
    auto plain = memo::memoize<memo::none>(examples::utility_of(groups, training));
    auto const plain_game = game_of(plain, players);
    std::vector<examples::player_values> plain_turns;
    benchmark::interleaved group(benchmark::wall_time);
    group.add(no_cache, of_player, [&] {
        std::size_t const player = plain_turns.size() % players;
        plain_turns.push_back({examples::exact_shapley_value(plain_game, player)});
    });
    std::vector<std::pair<std::string, job>> last;
    auto const add = [&](std::string const& name, std::function<job()> const& value) {
        std::size_t const place = last.size();
        last.push_back({name, {}});
        group.add(name, requests, [&last, place, value] { last[place].second = value(); });
    };
    add(memory, [&] { return value_groups(groups, memo::memory()); });
    add(all_cores, [&] { return value_groups_by_all_cores(groups); });
    add(disk_cold, [&] {
        std::string const empty = folder / std::to_string(++directories);
        return value_groups(groups, memo::disk({.directory = empty}));
    });
    add(disk_warm,
        [&] { return value_groups(groups, memo::disk({.directory = folder / "again"})); });
    group.measure(players / 2); // two turns of each, and the one that warms up: every player once

    examples::player_values expected;
    for (std::size_t player = 0; player < players; ++player) {
        expected.push_back(plain_turns[player].front());
    }
    std::uint64_t const evaluations = players * plain.stats().evaluations / plain_turns.size();
    std::size_t different = 0;
    std::cout << "Exact Shapley values of " << players << " groups of digits, " << requests
              << " requests\n\n seconds  spread  speed-up  evaluations\n";
    auto const print = [&](std::string const& name, std::uint64_t evaluated) {
        std::cout << std::fixed << std::setprecision(3) << std::setw(8)
                  << static_cast<double>(requests) * group.median(name) / 1e9
                  << std::setprecision(1) << std::setw(7) << 100 * group.spread(name) << '%'
                  << std::setw(10) << group.ratio(no_cache, name).median << std::setw(13)
                  << evaluated << "  " << name << '\n';
    };
    print(no_cache, evaluations);
    for (auto const& [name, done] : last) {
        print(name, done.evaluations);
        if (!examples::identical(done.values, expected)) {
            ++different;
        }
    }
    benchmark::record(
        benchmark::table_of("exact Shapley values of " + std::to_string(players) + " groups", group,
                            no_cache, static_cast<double>(requests)));

    benchmark::goals goals;
    auto const n = static_cast<double>(players);
    auto const evaluated = [&](std::size_t i) {
        return static_cast<double>(last[i].second.evaluations);
    };
    goals.exactly("different_values", static_cast<double>(different), 0);
    goals.exactly("evaluations_memory", evaluated(0), static_cast<double>(of_player));
    goals.exactly("evaluations_all_cores", evaluated(1), static_cast<double>(of_player));
    goals.exactly("evaluations_disk_empty", evaluated(2), static_cast<double>(of_player));
    goals.exactly("evaluations_disk_again", evaluated(3), 0);
    goals.at_least("speedup_memory", group.ratio(no_cache, memory), 0.95 * n);
    goals.at_least("speedup_all_cores", group.ratio(no_cache, all_cores), 1.6 * n);
    goals.at_least("speedup_disk_empty", group.ratio(no_cache, disk_cold), 0.9 * n);
    goals.at_least("speedup_disk_again", group.ratio(no_cache, disk_warm), 1000);
    goals.report(file);
    if (different > 0) {
        throw std::logic_error("a cache changed the values");
    }
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What a cache is worth to an exact valuation", run);
}
