// SPDX-License-Identifier: BSL-1.0

// Which method of data valuation finds wrong labels best? Six methods value the same 50 training
// samples, of which 10 have a wrong label, and share one cache.
//
// All methods draw the same random coalitions, so that a difference between two methods is not chance.
// Most requests of one method were therefore computed for another one: memo trains about one model
// for five requests. The program also runs all methods without a cache, and compares the values bit
// for bit.

#include "support/accuracy.hpp"
#include "support/command_line.hpp"
#include "support/comparison.hpp"
#include "support/data_directory.hpp"
#include "support/leave_one_out.hpp"
#include "support/line_chart.hpp"
#include "support/logistic_regression.hpp"
#include "support/output_files.hpp"
#include "support/preparation.hpp"
#include "support/progress_bar.hpp"
#include "support/removal_curve.hpp"
#include "support/semivalues.hpp"
#include "support/stopwatch.hpp"
#include "support/truncated_monte_carlo.hpp"
#include "support/wrong_labels.hpp"
#include <memo/memo.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace examples;

constexpr std::size_t players = 50;
constexpr std::size_t wrongly_labelled = players / 5;
constexpr std::size_t test_rows = 300;
constexpr std::size_t classes = 2;
constexpr double worth_of_guessing = 1.0 / classes;
constexpr double truncation_tolerance = 0.01;
constexpr newton training{};

struct settings {
    std::size_t permutations = 500;
    std::uint64_t seed = 1;
    bool quick = false;
    output_files files;
};

/// The players are the training samples.
struct noisy_samples {
    split samples;
    std::vector<bool> wrong; ///< which training samples have a wrong label
};

noisy_samples draw_samples(dataset const& all, std::uint64_t seed) {
    random_engine engine(seed);
    noisy_samples drawn{split_at_random(all, players, test_rows, engine),
                        std::vector<bool>(players)};
    standardise(drawn.samples);
    std::vector<std::size_t> rows(players);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    for (std::size_t const row :
         make_labels_wrong(drawn.samples.train, rows, wrongly_labelled, classes, engine)) {
        drawn.wrong[row] = true;
    }
    return drawn;
}

/// Trains on the chosen samples and scores on `scored`.
double accuracy_on(dataset const& scored, dataset const& train, memo::index_set const& chosen) {
    std::vector<std::size_t> rows;
    for (std::size_t const row : chosen) {
        rows.push_back(row);
    }
    return accuracy(logistic_regression(train, rows, training), scored);
}

/// The utility and the state that it depends on besides its argument: other samples, or another way of
/// training, have other keys.
auto utility_of(split const& samples) {
    auto const& [train, test, held_out] = samples;
    return memo::keyed(
        [&samples](memo::index_set const& chosen) {
            return accuracy_on(samples.test, samples.train, chosen);
        },
        memo::fingerprint(train.features.values(), train.labels, test.features.values(),
                          test.labels),
        training.ridge, training.max_steps, training.tolerance);
}

struct method {
    std::string id; ///< in files
    std::string name;
    std::function<player_values(game const&)> value;
};

/// All methods, with one sampler: equal seeds, equal permutations.
std::vector<method> methods_with(permutation_sampling const& sampling) {
    auto const semivalue_with = [sampling](size_distribution const& sizes) {
        return [sizes, sampling](game const& of) { return semivalue(of, sizes, sampling); };
    };
    return {{"shapley", "Shapley", semivalue_with(shapley_sizes(players))},
            {"beta_16_1", "Beta(16,1)", semivalue_with(beta_sizes(players, 16, 1))},
            {"beta_4_1", "Beta(4,1)", semivalue_with(beta_sizes(players, 4, 1))},
            {"banzhaf", "Banzhaf", semivalue_with(banzhaf_sizes(players))},
            {"tmc", "Truncated Monte Carlo",
             [sampling](game const& of) {
                 return truncated_monte_carlo(of, truncation_tolerance, sampling);
             }},
            {"loo", "Leave one out", leave_one_out}};
}

struct valuation {
    player_values values;
    tally cost;
};

/// The results of the methods, in their order.
using suite = std::vector<valuation>;

/// Runs the methods one after the other, with one utility whose cache is empty at first.
template <class Backend>
suite run_all(std::vector<method> const& methods, split const& samples, progress_bar& progress) {
    auto utility = memo::memoize<Backend>(
        utility_of(samples), {.name = "breast-cancer-logistic-accuracy", .version = "1"});
    game const of(players, std::ref(utility), worth_of_guessing);
    suite results;
    for (method const& each : methods) {
        auto const before = utility.stats();
        stopwatch const running;
        auto values = each.value(of);
        double const seconds = running.seconds();
        auto const after = utility.stats();
        results.push_back({std::move(values),
                           {after.calls - before.calls, after.evaluations - before.evaluations,
                            after.hits - before.hits, seconds}});
        progress.advance();
    }
    return results;
}

tally total_cost(suite const& results) {
    tally total;
    for (valuation const& each : results) {
        total += each.cost;
    }
    return total;
}

/// The accuracy on samples that no method has used, while training samples are removed.
struct removal_curves {
    std::vector<std::vector<double>> best_first; ///< one curve per method
    std::vector<std::vector<double>> worst_first;
};

struct experiment {
    std::vector<method> methods;
    std::vector<bool> wrong;
    suite cached;
    suite uncached;
    removal_curves curves;

    [[nodiscard]] double auc(std::size_t method) const {
        return detection_auc(cached[method].values, wrong);
    }

    [[nodiscard]] double speedup() const {
        return total_cost(uncached).seconds / total_cost(cached).seconds;
    }

    [[nodiscard]] bool identical_values() const {
        return std::ranges::equal(cached, uncached, [](valuation const& a, valuation const& b) {
            return identical(a.values, b.values);
        });
    }
};

removal_curves curves_of(suite const& results, split const& samples) {
    game const unseen(
        players,
        [&](memo::index_set const& left) {
            return accuracy_on(samples.held_out, samples.train, left);
        },
        worth_of_guessing);
    removal_curves curves;
    for (valuation const& each : results) {
        curves.best_first.push_back(removal_curve(unseen, each.values, removal::best_first));
        curves.worst_first.push_back(removal_curve(unseen, each.values, removal::worst_first));
    }
    return curves;
}

experiment run(settings const& chosen) {
    auto const drawn = draw_samples(load_csv(data_directory() / "breast_cancer.csv"), chosen.seed);
    auto const methods = methods_with({chosen.permutations, chosen.seed});
    progress_bar progress(2 * methods.size());
    auto cached = run_all<memo::memory>(methods, drawn.samples, progress);
    auto uncached = run_all<memo::none>(methods, drawn.samples, progress);
    auto curves = curves_of(cached, drawn.samples);
    return {methods, drawn.wrong, std::move(cached), std::move(uncached), std::move(curves)};
}

void print_cost(std::ostream& out, std::string const& name, tally const& cost) {
    out << std::left << std::setw(23) << name << std::right << std::fixed << std::setw(9)
        << cost.requests << std::setw(13) << cost.evaluations << std::setw(9) << cost.hits
        << std::setw(11) << std::setprecision(3) << cost.hit_ratio() << std::setw(9)
        << std::setprecision(2) << cost.seconds;
}

void print(std::ostream& out, experiment const& result) {
    out << "method                  requests  evaluations     hits  hit ratio  seconds      AUC\n";
    for (std::size_t m = 0; m < result.methods.size(); ++m) {
        print_cost(out, result.methods[m].name, result.cached[m].cost);
        out << std::setw(9) << std::setprecision(3) << result.auc(m) << '\n';
    }
    print_cost(out, "all, with memo", total_cost(result.cached));
    out << '\n';
    print_cost(out, "all, without cache", total_cost(result.uncached));
    out << "\n\nspeed-up " << std::setprecision(2) << result.speedup() << "; the values are "
        << (result.identical_values() ? "identical, bit for bit.\n" : "NOT THE SAME.\n")
        << "AUC: how likely a sample with a wrong label has a lower value than one with the right "
           "label.\n";
}

void write_csv(std::ostream& out, experiment const& result) {
    out << "sample,wrong_label";
    for (method const& each : result.methods) {
        out << ',' << each.id;
    }
    out << '\n' << std::setprecision(17);
    for (std::size_t sample = 0; sample < players; ++sample) {
        out << sample << ',' << result.wrong[sample];
        for (valuation const& each : result.cached) {
            out << ',' << each.values[sample];
        }
        out << '\n';
    }
}

void write_json(std::ostream& out, settings const& chosen, experiment const& result) {
    auto const total = total_cost(result.cached);
    nlohmann::ordered_json json{{"permutations", chosen.permutations},
                                {"seed", chosen.seed},
                                {"requests", total.requests},
                                {"evaluations", total.evaluations},
                                {"hits", total.hits},
                                {"hit_ratio", total.hit_ratio()},
                                {"identical_to_uncached", result.identical_values()},
                                {"speedup", result.speedup()},
                                {"seconds_cached", total.seconds},
                                {"seconds_uncached", total_cost(result.uncached).seconds},
                                {"wrong_labels", result.wrong}};
    for (std::size_t m = 0; m < result.methods.size(); ++m) {
        auto const& id = result.methods[m].id;
        auto const& [values, cost] = result.cached[m];
        json["auc"][id] = result.auc(m);
        json["methods"][id] = {{"requests", cost.requests},
                               {"evaluations", cost.evaluations},
                               {"hits", cost.hits},
                               {"seconds", cost.seconds},
                               {"values", values}};
        json["accuracy_best_first"][id] = result.curves.best_first[m];
        json["accuracy_worst_first"][id] = result.curves.worst_first[m];
    }
    out << json.dump(2) << '\n';
}

panel panel_of(std::string title, std::vector<method> const& methods,
               std::vector<std::vector<double>> const& curves) {
    panel result{std::move(title), {}};
    for (std::size_t m = 0; m < methods.size(); ++m) {
        curve drawn{methods[m].name, {}, {}};
        for (std::size_t removed = 0; removed < curves[m].size(); ++removed) {
            drawn.x.push_back(static_cast<double>(removed));
            drawn.y.push_back(100 * curves[m][removed]);
        }
        result.curves.push_back(std::move(drawn));
    }
    return result;
}

void draw_curves(std::filesystem::path const& svg, experiment const& result) {
    draw_line_chart(
        svg,
        {panel_of("Most valuable samples removed first: lower is better", result.methods,
                  result.curves.best_first),
         panel_of("Least valuable samples removed first: higher is better", result.methods,
                  result.curves.worst_first)},
        {.title = "Accuracy while training samples are removed in the order of their values",
         .x_axis = "Training samples removed (of " + std::to_string(players) + ")",
         .y_axis = "Accuracy on unseen samples (%)",
         .y_min = 0,
         .y_max = 100});
}

int compare_and_report(settings chosen) {
    require_writable(chosen.files); // before the work
    if (chosen.quick) {
        chosen.permutations = 10;
    }
    std::cout << "Six methods value " << players << " samples of the breast cancer data, "
              << wrongly_labelled << " of them with wrong labels;\n"
              << chosen.permutations << " permutations, one sampler seed, one cache.\n\n";

    auto const result = run(chosen);

    print(std::cout, result);
    write_file(chosen.files.csv, [&](std::ostream& out) { write_csv(out, result); });
    write_file(chosen.files.json, [&](std::ostream& out) { write_json(out, chosen, result); });
    if (!chosen.files.plot.empty()) {
        draw_curves(chosen.files.plot, result);
    }
    return result.identical_values() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    command_line line("compare_methods", "Six methods of data valuation, one cache");
    line.option("--permutations", chosen.permutations,
                "Number of permutations that each method draws", positive());
    line.option("--seed", chosen.seed, "Seed of the samples and permutations");
    line.flag("--quick", chosen.quick, "Only 10 permutations: a second, not ten");
    line.outputs(chosen.files, "the removal curves");
    return line.run(argc, argv, [&] { return compare_and_report(chosen); });
}
