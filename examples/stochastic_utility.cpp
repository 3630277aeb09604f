// SPDX-License-Identifier: BSL-1.0

// The value of groups of training samples if the training is random.
//
// The players are groups of 20 handwritten digits. The utility of a coalition is the mean accuracy of
// a softmax regression that is trained on its samples by stochastic gradient descent; each training
// has another accuracy. The Shapley values come from the definition, which needs every coalition once
// for each player, under four policies:
//
//   fresh           no cache: a training for every request
//   frozen          memoized as an exact function: one training for each coalition, whose random
//                   result is final
//   per_call        averaged: a request trains once more, unless the mean is settled
//   until_settled   averaged: the first request trains until the mean is settled
//
// All are compared with a reference of many trainings for each coalition. until_settled must not
// train more often than fresh.

#include "support/accuracy.hpp"
#include "support/command_line.hpp"
#include "support/comparison.hpp"
#include "support/data_directory.hpp"
#include "support/error_bar_chart.hpp"
#include "support/exact_shapley.hpp"
#include "support/output_files.hpp"
#include "support/parallel.hpp"
#include "support/progress_bar.hpp"
#include "support/random.hpp"
#include "support/sample_groups.hpp"
#include "support/softmax_regression.hpp"
#include <memo/memo.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace examples;

constexpr stochastic_gradient_descent training{.draws = 60, .rate = 0.05};

struct settings {
    std::size_t groups = 10;
    std::uint64_t seed = 1;
    std::size_t runs = 10;
    std::uint64_t reference_draws = 400;
    double tolerance = 0.05;
    bool quick = false;
    output_files files;
};

/// Trains once, on samples drawn by this seed from the chosen groups, and scores.
double accuracy_by_chance(sample_groups const& groups, memo::index_set const& chosen,
                          std::uint64_t seed) {
    random_engine engine(seed);
    softmax_regression<digits> const model(groups.samples.train, rows_of(chosen), training, engine);
    return accuracy(model, groups.samples.test);
}

/// The utility without regard to caches: every call draws from one engine.
auto one_training(sample_groups const& groups, random_engine& engine) {
    return memo::keyed(
        [&](memo::index_set const& chosen) { return accuracy_by_chance(groups, chosen, engine()); },
        fingerprint_of(groups), training.draws, training.rate);
}

/// The utility for averaging: memo numbers the trainings of each coalition and gives each a seed.
auto numbered_training(sample_groups const& groups) {
    return memo::keyed(
        [&](memo::index_set const& chosen, memo::replicate const& which) {
            return accuracy_by_chance(groups, chosen, which.seed);
        },
        fingerprint_of(groups), training.draws, training.rate);
}

/// The half-width of the 95 % interval of each coalition's mean is to be at most `tolerance`.
memo::averaged_options<double> averaging(double tolerance, memo::repeat_policy repeat) {
    return {.rtol_stderr = 0,
            .atol_stderr = tolerance,
            .min_repetitions = 8, // fewer samples often agree by chance
            .max_repetitions = 100,
            .confidence = 0.95,
            .range = memo::sample_range{0, 1},
            .repeat = repeat};
}

template <class Options> Options named(Options chosen, std::string const& run) {
    chosen.name = "digits-groups-sgd-accuracy";
    chosen.version = "1";
    chosen.hash_prefix = run; // other seeds for each run
    return chosen;
}

template <class Utility> player_values values_of(std::size_t players, Utility const& utility) {
    return exact_shapley(game(players, std::ref(utility), worth_of_guessing));
}

/// The 95 % error bars of the values.
template <class Utility>
std::vector<error_bar> error_bars_of(std::size_t players, Utility const& utility) {
    return exact_shapley_bars(players, [&](memo::index_set const& chosen) -> error_bar {
        memo::estimate const mean = utility.estimate(chosen);
        return {mean.mean - mean.lower, mean.upper - mean.mean};
    });
}

/// The values of one policy, in two runs over one cache.
struct valuation {
    player_values values;
    player_values values_again; ///< by another wrapper, with the cache of the first one
    std::uint64_t evaluations = 0;
    std::uint64_t evaluations_again = 0;
};

/// wrap            returns the memoized utility; called for each of the two runs
template <class Wrap> valuation value_twice(std::size_t players, Wrap const& wrap) {
    auto const first = wrap();
    auto values = values_of(players, first);
    auto const second = wrap();
    auto values_again = values_of(players, second);
    return {std::move(values), std::move(values_again), first.stats().evaluations,
            second.stats().evaluations};
}

enum policy : std::size_t { fresh, frozen, per_call, until_settled, policies };

constexpr std::array<char const*, policies> policy_names{"fresh", "frozen", "per_call",
                                                         "until_settled"};

/// All policies, once, with the random numbers of this run.
struct run {
    std::array<valuation, policies> by;
    std::vector<error_bar> error_bars; ///< of until_settled
};

run value_by_all(sample_groups const& groups, settings const& chosen, std::size_t number) {
    std::string const name = "run " + std::to_string(number);
    random_engine engine(chosen.seed + 1000 * (number + 1));
    run result;

    result.by[fresh] = value_twice(groups.size(), [&] {
        return memo::memoize<memo::none>(one_training(groups, engine),
                                         named(memo::options<double>{}, name));
    });

    memo::memory const frozen_store;
    result.by[frozen] = value_twice(groups.size(), [&] {
        return memo::memoize<memo::memory>(one_training(groups, engine),
                                           named(memo::options<double>{}, name), frozen_store);
    });

    auto const averaged = [&](memo::repeat_policy repeat, memo::memory const& store) {
        return memo::memoize<memo::memory, memo::averaged>(
            numbered_training(groups), named(averaging(chosen.tolerance, repeat), name), store);
    };
    memo::memory const per_call_store;
    result.by[per_call] =
        value_twice(groups.size(), [&] { return averaged(memo::per_call, per_call_store); });
    memo::memory const settled_store;
    result.by[until_settled] =
        value_twice(groups.size(), [&] { return averaged(memo::until_settled, settled_store); });

    result.error_bars = error_bars_of(groups.size(), averaged(memo::until_settled, settled_store));
    return result;
}

/// Values with their error bars.
struct values_with_bars {
    player_values values;
    std::vector<error_bar> error_bars;
};

/// The values by a fixed number of trainings for each coalition, with intervals by betting: they hold
/// for any law of the accuracy, and would hold had the number been chosen by what they show.
values_with_bars value_by_many(sample_groups const& groups, std::uint64_t draws,
                               progress_bar& progress) {
    auto const utility = memo::memoize<memo::memory, memo::averaged>(
        numbered_training(groups),
        named(memo::betting_options<double>{.rtol_stderr = 0,
                                            .min_repetitions = draws,
                                            .max_repetitions = draws,
                                            .range = memo::sample_range{0, 1},
                                            .interval = memo::betting,
                                            .repeat = memo::until_settled},
              "reference"));
    in_parallel((std::size_t{1} << groups.size()) - 1, progress, [&](std::size_t index) {
        static_cast<void>(utility(coalition_of(index + 1, groups.size())));
    });
    return {values_of(groups.size(), utility), error_bars_of(groups.size(), utility)};
}

/// One policy over all runs.
struct summary {
    double evaluations = 0; ///< mean over the runs
    double rmse = 0;        ///< over all runs and players, against the reference
    double rerun_evaluations = 0;
    double rerun_change = 0; ///< the largest change of a value between a run and its rerun
    bool rerun_identical = true;
};

struct experiment {
    values_with_bars reference;
    std::vector<run> runs;
    std::array<summary, policies> by;
    double within_error_bars = 0; ///< share of until_settled's bars that the reference lies in
};

summary summarise(experiment const& all, std::size_t policy) {
    summary result;
    double squares = 0;
    double values = 0;
    for (run const& each : all.runs) {
        auto const& of = each.by.at(policy);
        result.evaluations += static_cast<double>(of.evaluations);
        result.rerun_evaluations += static_cast<double>(of.evaluations_again);
        result.rerun_identical = result.rerun_identical && identical(of.values, of.values_again);
        for (std::size_t player = 0; player < of.values.size(); ++player) {
            double const error = of.values[player] - all.reference.values[player];
            squares += error * error;
            values += 1;
            result.rerun_change = std::max(result.rerun_change,
                                           std::abs(of.values[player] - of.values_again[player]));
        }
    }
    auto const runs = static_cast<double>(all.runs.size());
    result.evaluations /= runs;
    result.rerun_evaluations /= runs;
    result.rmse = std::sqrt(squares / values);
    return result;
}

double share_within_error_bars(experiment const& all) {
    double within = 0;
    double bars = 0;
    for (run const& each : all.runs) {
        for (std::size_t player = 0; player < each.error_bars.size(); ++player) {
            double const above =
                all.reference.values[player] - each.by[until_settled].values[player];
            error_bar const bar = each.error_bars[player];
            within += -bar.below <= above && above <= bar.above ? 1 : 0;
            bars += 1;
        }
    }
    return within / bars;
}

experiment perform(sample_groups const& groups, settings const& chosen) {
    experiment all;
    std::size_t const coalitions = (std::size_t{1} << groups.size()) - 1;
    progress_bar progress(coalitions + chosen.runs);
    all.reference = value_by_many(groups, chosen.reference_draws, progress);
    all.runs.resize(chosen.runs);
    in_parallel(chosen.runs, progress, [&](std::size_t number) {
        all.runs[number] = value_by_all(groups, chosen, number);
    });
    for (std::size_t policy = 0; policy < policies; ++policy) {
        all.by.at(policy) = summarise(all, policy);
    }
    all.within_error_bars = share_within_error_bars(all);
    return all;
}

/// Whether until_settled has half the error of the other policies, with no more evaluations than the
/// definition needs, and the same values in the rerun.
struct verdict {
    bool within_cost;
    double to_frozen; ///< ratio of the RMSEs
    double to_fresh;
    bool reproducible;

    explicit verdict(experiment const& all)
        : within_cost(all.by[until_settled].evaluations <= all.by[fresh].evaluations),
          to_frozen(all.by[until_settled].rmse / all.by[frozen].rmse),
          to_fresh(all.by[until_settled].rmse / all.by[fresh].rmse),
          reproducible(all.by[until_settled].rerun_identical) {}
};

void print_policies(std::ostream& out, experiment const& all) {
    out << "policy          evaluations      RMSE   rerun: evaluations   largest change\n"
        << std::fixed;
    for (std::size_t policy = 0; policy < policies; ++policy) {
        auto const& of = all.by.at(policy);
        out << std::left << std::setw(16) << policy_names.at(policy) << std::right
            << std::setprecision(0) << std::setw(11) << of.evaluations << std::setprecision(5)
            << std::setw(10) << of.rmse << std::setprecision(0) << std::setw(21)
            << of.rerun_evaluations << std::setprecision(5) << std::setw(17) << of.rerun_change
            << '\n';
    }
    verdict const is(all);
    out << "\nWith " << (is.within_cost ? "no more" : "MORE")
        << " evaluations than fresh, until_settled has " << std::setprecision(2) << is.to_fresh
        << " of its error,\nand " << is.to_frozen
        << " of the error of frozen, which cannot use more than one evaluation of a coalition.\n"
        << "A rerun with the same cache "
        << (is.reproducible ? "changes no value.\n" : "CHANGES VALUES.\n")
        << "The reference lies in " << std::setprecision(0) << 100 * all.within_error_bars
        << " % of the error bars of until_settled.\n";
}

/// What the error bar of a value says of its sign.
char const* sign_of(double value, error_bar const& bar) {
    return value > bar.below ? "positive" : value < -bar.above ? "negative" : "not certain";
}

void print_values(std::ostream& out, sample_groups const& groups, experiment const& all) {
    run const& first = all.runs.front();
    out << "group   wrong labels        reference            sign   until_settled     frozen   "
           "(percentage points)\n"
        << std::fixed << std::setprecision(2);
    auto const print_bar = [&](error_bar const& bar) {
        out << " -" << std::setw(4) << 100 * bar.below << " +" << std::setw(4) << 100 * bar.above;
    };
    for (std::size_t group = 0; group < groups.size(); ++group) {
        error_bar const& bar = all.reference.error_bars[group];
        double const value = all.reference.values[group];
        out << std::setw(5) << group + 1 << std::setw(10) << groups.wrong_labels[group] << " of "
            << rows_per_group << std::setw(8) << 100 * value;
        print_bar(bar);
        out << std::setw(13) << sign_of(value, bar) << std::setw(8)
            << 100 * first.by[until_settled].values[group];
        print_bar(first.error_bars[group]);
        out << std::setw(8) << 100 * first.by[frozen].values[group] << '\n';
    }
}

void write_csv(std::ostream& out, sample_groups const& groups, experiment const& all) {
    run const& first = all.runs.front();
    out << "group,rows,wrong_labels,reference,reference_lower,reference_upper,reference_sign";
    for (char const* const name : policy_names) {
        out << ',' << name;
    }
    out << ",until_settled_lower,until_settled_upper\n" << std::setprecision(17);
    auto const write_ends = [&](double value, error_bar const& bar) {
        out << ',' << value - bar.below << ',' << value + bar.above;
    };
    for (std::size_t group = 0; group < groups.size(); ++group) {
        out << group + 1 << ',' << rows_per_group << ',' << groups.wrong_labels[group] << ','
            << all.reference.values[group];
        write_ends(all.reference.values[group], all.reference.error_bars[group]);
        out << ',' << sign_of(all.reference.values[group], all.reference.error_bars[group]);
        for (auto const& of : first.by) {
            out << ',' << of.values[group];
        }
        write_ends(first.by[until_settled].values[group], first.error_bars[group]);
        out << '\n';
    }
}

nlohmann::ordered_json with_ends(values_with_bars const& of) {
    auto all = nlohmann::ordered_json::array();
    for (std::size_t player = 0; player < of.values.size(); ++player) {
        double const value = of.values[player];
        error_bar const& bar = of.error_bars[player];
        all.push_back({{"value", value},
                       {"lower", value - bar.below},
                       {"upper", value + bar.above},
                       {"sign", sign_of(value, bar)}});
    }
    return all;
}

void write_json(std::ostream& out, settings const& chosen, experiment const& all) {
    nlohmann::ordered_json by_policy;
    for (std::size_t policy = 0; policy < policies; ++policy) {
        auto const& of = all.by.at(policy);
        by_policy[policy_names.at(policy)] = {{"evaluations", of.evaluations},
                                              {"rmse", of.rmse},
                                              {"rerun_evaluations", of.rerun_evaluations},
                                              {"rerun_largest_change", of.rerun_change},
                                              {"rerun_identical", of.rerun_identical}};
    }
    verdict const is(all);
    run const& first = all.runs.front();
    out << nlohmann::ordered_json{{"groups", first.error_bars.size()},
                                  {"runs", all.runs.size()},
                                  {"reference_draws", chosen.reference_draws},
                                  {"policies", by_policy},
                                  {"settled_within_cost_of_fresh", is.within_cost},
                                  {"rmse_settled_to_frozen", is.to_frozen},
                                  {"rmse_settled_to_fresh", is.to_fresh},
                                  {"rerun_changes_no_value", is.reproducible},
                                  {"reference_within_error_bars", all.within_error_bars},
                                  {"reference", with_ends(all.reference)},
                                  {"values",
                                   with_ends({first.by[until_settled].values, first.error_bars})}}
               .dump(2)
        << '\n';
}

std::vector<double> in_points(std::vector<double> values) {
    for (double& each : values) {
        each *= 100;
    }
    return values;
}

std::vector<error_bar> in_points(std::vector<error_bar> bars) {
    for (error_bar& each : bars) {
        each = {100 * each.below, 100 * each.above};
    }
    return bars;
}

void draw(std::filesystem::path const& svg, settings const& chosen, experiment const& all) {
    run const& first = all.runs.front();
    draw_error_bar_chart(
        svg,
        {{"reference, " + std::to_string(chosen.reference_draws) + " trainings a coalition",
          in_points(all.reference.values), in_points(all.reference.error_bars)},
         {"until settled, 95 %", in_points(first.by[until_settled].values),
          in_points(first.error_bars)},
         {"one frozen training", in_points(first.by[frozen].values), {}}},
        {.title = "The value of groups of digits for a random training",
         .x_axis = "Group",
         .y_axis = "Shapley value (percentage points of accuracy)"});
}

int value_and_report(settings chosen) {
    require_writable(chosen.files); // before the work
    if (chosen.quick) {
        chosen.groups = std::min<std::size_t>(chosen.groups, 4);
        chosen.runs = std::min<std::size_t>(chosen.runs, 2);
        chosen.reference_draws = std::min<std::uint64_t>(chosen.reference_draws, 100);
    }
    auto const groups =
        draw_groups(load_csv(data_directory() / "digits.csv"), chosen.groups, chosen.seed);
    std::cout << "Exact Shapley values of " << groups.size() << " groups of " << rows_per_group
              << " handwritten digits; softmax regression by stochastic\ngradient descent, "
              << chosen.runs << " runs of each policy, against " << chosen.reference_draws
              << " trainings for each coalition.\n\n";

    auto const all = perform(groups, chosen);

    print_policies(std::cout, all);
    std::cout << '\n';
    print_values(std::cout, groups, all);
    write_file(chosen.files.csv, [&](std::ostream& out) { write_csv(out, groups, all); });
    write_file(chosen.files.json, [&](std::ostream& out) { write_json(out, chosen, all); });
    if (!chosen.files.plot.empty()) {
        draw(chosen.files.plot, chosen, all);
    }
    return verdict(all).reproducible ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    command_line line("stochastic_utility",
                      "Shapley values of a utility that is noisy, under four policies of caching");
    line.option("--groups", chosen.groups, "Number of groups", between(2, 12));
    line.option("--seed", chosen.seed, "Seed of the samples");
    line.option("--runs", chosen.runs, "Number of runs of each policy, with other random numbers",
                between(1, 1000));
    line.option("--reference-draws", chosen.reference_draws,
                "Trainings of the reference for each coalition", between(2, 100'000));
    line.option("--tolerance", chosen.tolerance,
                "How far a coalition's mean may be off, with 95 % confidence", between(0.001, 1.0));
    line.flag("--quick", chosen.quick, "At most 4 groups and 2 runs: a second, not a minute");
    line.outputs(chosen.files, "the values with their error bars");
    return line.run(argc, argv, [&] { return value_and_report(chosen); });
}
