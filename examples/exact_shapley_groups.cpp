// SPDX-License-Identifier: BSL-1.0

// The value of each of twelve groups of training samples: exact Shapley values, from the definition,
// computed without a cache and with one.
//
// The players are groups of 20 handwritten digits; a quarter of the groups has wrong labels and
// should have low values. The utility of a coalition is the accuracy, on 300 other digits, of a
// softmax regression trained on its samples. The definition needs 49140 utilities of 4095 distinct
// coalitions: with memo the program trains 4095 models instead of 49140, and the values are the same
// to the last bit.

#include "support/bar_chart.hpp"
#include "support/command_line.hpp"
#include "support/comparison.hpp"
#include "support/data_directory.hpp"
#include "support/digits_utility.hpp"
#include "support/exact_shapley.hpp"
#include "support/median.hpp"
#include "support/output_files.hpp"
#include "support/progress_bar.hpp"
#include "support/stopwatch.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace examples;

constexpr gradient_descent training{.steps = 6, .rate = 1};

struct settings {
    std::size_t groups = 12;
    std::uint64_t seed = 1;
    bool quick = false;
    std::string backend = "memory";
    std::string directory; ///< of the disk cache; empty: the user's cache directory
    output_files files;
};

struct valuation {
    player_values values;
    tally cost;
};

template <class Utility> tally cost_of(Utility const& utility, double seconds) {
    auto const counts = utility.stats();
    return {counts.calls, counts.evaluations, counts.hits, seconds};
}

/// All values, with a new utility over the given backend.
template <class Backend> valuation value_groups(sample_groups const& groups, Backend backend) {
    stopwatch const running;
    auto utility = memo::memoize<Backend>(
        utility_of(groups, training), {.name = "digits-groups-softmax-accuracy", .version = "1"},
        std::move(backend));
    auto values = exact_shapley(game(groups.size(), std::ref(utility), worth_of_guessing));
    return {std::move(values), cost_of(utility, running.seconds())};
}

struct experiment {
    valuation uncached;
    valuation cached; ///< the seconds of both are medians of the turns
    std::size_t cached_runs = 0;
    bool identical_values = true;

    [[nodiscard]] double speedup() const { return uncached.cost.seconds / cached.cost.seconds; }
};

/// Values the groups without a cache, and with one.
///
/// The two runs are timed in turns. A turn values one player without a cache, then all players with a
/// cache. So other load of the machine meets both, and the median ignores a turn in which it met one.
///
/// open            returns the backend of a turn: an empty one in memory, or the same one on disk
template <class Open> experiment run(sample_groups const& groups, Open const& open) {
    auto utility = memo::memoize<memo::none>(utility_of(groups, training));
    game const uncached_game(groups.size(), std::ref(utility), worth_of_guessing);
    experiment result;
    std::vector<double> uncached_seconds;
    std::vector<double> cached_seconds;
    progress_bar progress(2 * groups.size());
    for (std::size_t player = 0; player < groups.size(); ++player) {
        stopwatch const running;
        result.uncached.values.push_back(exact_shapley_value(uncached_game, player));
        uncached_seconds.push_back(running.seconds());
        progress.advance();

        auto cached = value_groups(groups, open());
        cached_seconds.push_back(cached.cost.seconds);
        result.identical_values =
            result.identical_values &&
            (result.cached_runs == 0 || identical(cached.values, result.cached.values));
        result.cached = std::move(cached);
        ++result.cached_runs;
        progress.advance();
    }
    result.uncached.cost =
        cost_of(utility, median(std::move(uncached_seconds)) * static_cast<double>(groups.size()));
    result.cached.cost.seconds = median(std::move(cached_seconds));
    result.identical_values =
        result.identical_values && identical(result.cached.values, result.uncached.values);
    return result;
}

void print_costs(std::ostream& out, experiment const& result, bool in_memory) {
    auto const& without = result.uncached.cost;
    auto const& with = result.cached.cost;
    out << std::fixed << std::setprecision(3) << "                without cache     with memo\n"
        << "requests        " << std::setw(13) << without.requests << std::setw(14) << with.requests
        << "\nevaluations     " << std::setw(13) << without.evaluations << std::setw(14)
        << with.evaluations << "\nhit ratio       " << std::setw(13) << without.hit_ratio()
        << std::setw(14) << with.hit_ratio() << "\nseconds         " << std::setw(13)
        << without.seconds << std::setw(14) << with.seconds << "\nspeed-up        " << std::setw(27)
        << std::setprecision(2) << result.speedup()
        << "\n\nThe seconds with memo are the median of " << result.cached_runs << " runs"
        << (in_memory ? ", each from an empty cache" : ", the evaluations those of the last")
        << ".\nThe values are "
        << (result.identical_values ? "identical, bit for bit.\n" : "NOT THE SAME.\n");
}

void print_values(std::ostream& out, sample_groups const& groups, player_values const& values) {
    out << "group   wrong labels   Shapley value (percentage points of accuracy)\n";
    for (std::size_t group = 0; group < values.size(); ++group) {
        double const points = 100 * values[group];
        auto const stars = static_cast<std::size_t>(std::max(0.0, 4 * points));
        out << std::setw(5) << group + 1 << std::setw(10) << groups.wrong_labels[group] << " of "
            << rows_per_group << std::setw(9) << points << "  " << std::string(stars, '*') << '\n';
    }
}

void write_csv(std::ostream& out, sample_groups const& groups, player_values const& values) {
    out << "group,rows,wrong_labels,shapley_value\n" << std::setprecision(17);
    for (std::size_t group = 0; group < values.size(); ++group) {
        out << group + 1 << ',' << rows_per_group << ',' << groups.wrong_labels[group] << ','
            << values[group] << '\n';
    }
}

void write_json(std::ostream& out, sample_groups const& groups, experiment const& result) {
    auto const& cost = result.cached.cost;
    out << nlohmann::ordered_json{{"groups", groups.size()},
                                  {"requests", cost.requests},
                                  {"evaluations", cost.evaluations},
                                  {"hits", cost.hits},
                                  {"hit_ratio", cost.hit_ratio()},
                                  {"evaluations_uncached", result.uncached.cost.evaluations},
                                  {"identical_to_uncached", result.identical_values},
                                  {"speedup", result.speedup()},
                                  {"seconds_cached", cost.seconds},
                                  {"seconds_uncached", result.uncached.cost.seconds},
                                  {"cached_runs", result.cached_runs},
                                  {"wrong_labels", groups.wrong_labels},
                                  {"values", result.cached.values}}
               .dump(2)
        << '\n';
}

void draw_values(std::filesystem::path const& svg, sample_groups const& groups,
                 player_values const& values) {
    std::vector<bar> bars;
    for (std::size_t group = 0; group < values.size(); ++group) {
        bars.push_back(
            {std::to_string(group + 1), 100 * values[group], groups.wrong_labels[group] > 0});
    }
    std::string const rows = std::to_string(rows_per_group);
    draw_bar_chart(svg, bars,
                   {.title = "The value of each group of " + rows + " handwritten digits",
                    .x_axis = "Group",
                    .y_axis = "Shapley value (percentage points of accuracy)",
                    .plain_bars = "all labels right",
                    .marked_bars = "half of the labels wrong"});
}

int value_and_report(settings const& chosen) {
    require_writable(chosen.files); // before the work
    std::size_t const count =
        chosen.quick ? std::min<std::size_t>(chosen.groups, 6) : chosen.groups;
    auto const groups = draw_groups(load_csv(data_directory() / "digits.csv"), count, chosen.seed);
    std::cout << "Exact Shapley values of " << count << " groups of " << rows_per_group
              << " handwritten digits; softmax regression, " << test_rows << " test samples.\n\n";

    bool const in_memory = chosen.backend == "memory";
    auto const result =
        in_memory ? run(groups, [] { return memo::memory(); })
                  : run(groups, [&] { return memo::disk({.directory = chosen.directory}); });

    print_costs(std::cout, result, in_memory);
    std::cout << '\n';
    print_values(std::cout, groups, result.cached.values);
    auto const& values = result.cached.values;
    write_file(chosen.files.csv, [&](std::ostream& out) { write_csv(out, groups, values); });
    write_file(chosen.files.json, [&](std::ostream& out) { write_json(out, groups, result); });
    if (!chosen.files.plot.empty()) {
        draw_values(chosen.files.plot, groups, values);
    }
    return result.identical_values ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    command_line line("exact_shapley_groups",
                      "Exact Shapley values of groups of samples, with and without a cache");
    line.option("--groups", chosen.groups, "Number of groups", between(2, 16));
    line.option("--seed", chosen.seed, "Seed of the samples");
    line.option("--backend", chosen.backend, "Backend of the utilities: memory, or disk",
                one_of({"memory", "disk"}));
    line.directory("--directory", chosen.directory, "Of the disk cache");
    line.flag("--quick", chosen.quick, "At most 6 groups: a second, not a minute");
    line.outputs(chosen.files, "the values");
    return line.run(argc, argv, [&] { return value_and_report(chosen); });
}
