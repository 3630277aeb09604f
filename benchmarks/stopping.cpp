// SPDX-License-Identifier: BSL-1.0
// What stopping rules promise and what they hold: how many samples a mean takes, and how often it is then as near to
// the true one as was asked for. A simulation with fixed seeds: the figures are the same on every run.

#include <memo/detail/record/moments.hpp>
#include <memo/memo.hpp>
#include <support/program.hpp>
#include <support/report.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

namespace {

using engine = std::mt19937_64;
using options = memo::averaged_options<double>;

// The distributions of <random> differ between libraries.

double uniform(engine& random) {
    return static_cast<double>(random() >> 11) * 0x1p-53;
}

/// Box and Muller 1958, Annals of Mathematical Statistics 29(2).
double normal(engine& random, double mean, double deviation) {
    double const radius = std::sqrt(-2 * std::log(1 - uniform(random)));
    return mean + deviation * radius * std::cos(2 * std::numbers::pi * uniform(random));
}

struct law {
    std::string name;
    double mean;
    memo::sample_range range;
    std::function<double(engine&)> draw;
};

law gauss(std::string name, double mean, double deviation) {
    return {std::move(name),
            mean,
            {mean - 7 * deviation, mean + 7 * deviation},
            [=](engine& random) { return normal(random, mean, deviation); }};
}

law bernoulli(std::string name, double chance) {
    return {std::move(name), chance, {0, 1}, [=](engine& random) {
                return uniform(random) < chance ? 1. : 0.;
            }};
}

/// Nearly always near 1; a disaster once in a hundred, which a few samples do not know of.
law rare_large_loss() {
    auto const draw = [](engine& random) {
        return uniform(random) < 0.01 ? -20 : normal(random, 1, 0.1);
    };
    return {"rare large loss", 0.99 - 0.2, {-20, 2}, draw};
}

/// What came of one mean.
struct trial {
    double mean;
    double variance;
    std::uint64_t evaluations;
    bool settled;
};

/// A stopping rule with the tolerance that it is asked to hold.
struct rule {
    std::string name;
    double rtol;
    double atol;
    std::function<std::vector<trial>(law const&, std::size_t trials)> run;
};

/// One of memo's own, over calls with different arguments that each draw until the mean is settled.
rule of_memo(std::string name, options chosen, bool ranged) {
    chosen.repeat = memo::until_settled;
    auto const run = [chosen, ranged](law const& from, std::size_t trials) {
        options mine = chosen;
        if (ranged) {
            mine.range = from.range;
        }
        engine random(1);
        auto const mean = memo::memoize<memo::none, memo::averaged>(
            memo::ignore_state([&](std::size_t) { return from.draw(random); }), mine);
        std::vector<trial> results;
        for (std::size_t i = 0; i < trials; ++i) {
            auto const known = mean.estimate(i);
            results.push_back({known.mean, known.variance, known.count, known.settled});
        }
        return results;
    };
    return {std::move(name), chosen.rtol_stderr, chosen.atol_stderr, run};
}

/// pyDVL's own: more than min_repetitions samples, and a standard error of at most rtol * mean, with the mean's sign.
rule of_pydvl(std::string name, double rtol, std::uint64_t min_repetitions, std::uint64_t limit) {
    auto const run = [=](law const& from, std::size_t trials) {
        engine random(1);
        std::vector<trial> results;
        for (std::size_t i = 0; i < trials; ++i) {
            memo::detail::moments<double> samples;
            bool settled = false;
            while (!settled && samples.count() < limit) {
                samples.add(from.draw(random));
                settled = samples.count() > min_repetitions &&
                          samples.standard_error() <= rtol * samples.mean();
            }
            results.push_back({samples.mean(), samples.variance(), samples.count(), settled});
        }
        return results;
    };
    return {std::move(name), rtol, 0, run};
}

/// What came of all trials of a law under a rule.
struct row {
    double evaluations = 0; ///< per trial
    double held = 0;        ///< share with |mean - true mean| <= tolerance
    double bias = 0;        ///< mean error, in tolerances
    double unvaried = 0;    ///< share that stopped with variance 0
    double settled = 0;     ///< share that stopped because the rule was met
};

row measure(rule const& by, law const& from, std::size_t trials) {
    double const tolerance = by.atol + by.rtol * std::abs(from.mean);
    row sum;
    for (trial const& each : by.run(from, trials)) {
        double const error = each.mean - from.mean;
        sum.evaluations += static_cast<double>(each.evaluations);
        sum.held += std::abs(error) <= tolerance ? 1 : 0;
        sum.bias += error / tolerance;
        sum.unvaried += each.variance == 0 ? 1 : 0;
        sum.settled += each.settled ? 1 : 0;
    }
    auto const all = static_cast<double>(trials);
    return {sum.evaluations / all, sum.held / all, sum.bias / all, sum.unvaried / all,
            sum.settled / all};
}

struct effort {
    std::size_t trials;
    std::uint64_t most; ///< evaluations of a trial, under rules that have no usual limit
};

std::vector<law> all_laws() {
    return {gauss("gauss(.5, .25)", 0.5, 0.25),
            gauss("gauss(-.3, .1)", -0.3, 0.1),
            gauss("near zero: gauss(.005, .1)", 0.005, 0.1),
            bernoulli("bernoulli(.95)", 0.95),
            bernoulli("bernoulli(.9)", 0.9),
            bernoulli("bernoulli(.1)", 0.1),
            rare_large_loss()};
}

std::vector<rule> all_rules(effort effort) {
    options const standard_error{
        .rtol_stderr = 0.05, .atol_stderr = 0.01, .max_repetitions = effort.most};
    options t95 = standard_error;
    t95.confidence = 0.95;
    options bernstein = t95;
    bernstein.interval = memo::empirical_bernstein;
    return {of_pydvl("pyDVL's rule, rtol 0.05, min 3", 0.05, 3, 1000),
            of_memo("memo's default: rtol 0.1, min 3, max 100", {}, false),
            of_memo("standard error, rtol 0.05, atol 0.01", standard_error, false),
            of_memo("confidence 0.95, rtol 0.05, atol 0.01", t95, false),
            of_memo("the same, with range", t95, true),
            of_memo("empirical Bernstein, the same", bernstein, true)};
}

constexpr std::size_t with_range = 4; ///< which of the rules the goal is about

/// A row for every law under every rule.
///
/// Returns         the smallest share that held under t with a range, of all laws that it promises
///                 something for
double tabulate(effort effort) {
    auto const laws = all_laws();
    auto const rules = all_rules(effort);
    double smallest = 1;
    for (std::size_t r = 0; r < rules.size(); ++r) {
        std::cout << rules[r].name << '\n';
        std::cout << "  evaluations  P(held)   bias/tol   variance 0   settled\n";
        for (std::size_t l = 0; l < laws.size(); ++l) {
            row const of = measure(rules[r], laws[l], effort.trials);
            std::cout << std::fixed << std::setprecision(1) << std::setw(13) << of.evaluations
                      << std::setprecision(3) << std::setw(9) << of.held << std::showpos
                      << std::setprecision(2) << std::setw(11) << of.bias << std::noshowpos
                      << std::setprecision(3) << std::setw(13) << of.unvaried << std::setw(10)
                      << of.settled << "  " << laws[l].name << '\n';
            if (r == with_range && l + 1 < laws.size()) {
                smallest = std::min(smallest, of.held);
            }
        }
        std::cout << '\n';
    }
    return smallest;
}

law constant(double value) {
    return {"constant", value, {value - 1, value + 1}, [=](engine&) { return value; }};
}

void run(bool quick, std::string const& file) {
    effort const much = quick ? effort{50, 500} : effort{4000, 30'000};
    std::cout << much.trials << " trials a row\n\n";
    benchmark::goals goals;
    goals.at_least("t95_range_coverage_min", tabulate(much), 0.93);

    auto const by_default = of_memo("default", {}, false);
    auto const with_atol = of_memo("default with atol", {.atol_stderr = 0.02}, false);
    auto const negative = gauss("negative", -0.3, 0.1);
    goals.at_least("default_stops_negative",
                   std::min(measure(by_default, negative, much.trials).settled,
                            measure(by_default, constant(-1), much.trials).settled),
                   1);

    // Relative to 0 no mean is ever exact enough: atol ends it, or else max_repetitions.
    auto const zero = gauss("zero", 0, 0.1);
    auto const ended = by_default.run(zero, much.trials);
    auto const by_limit = std::ranges::count_if(
        ended, [](trial const& each) { return each.evaluations <= options{}.max_repetitions; });
    goals.at_least("default_stops_zero_mean",
                   std::min(static_cast<double>(by_limit) / static_cast<double>(much.trials),
                            measure(with_atol, zero, much.trials).settled),
                   1);

    double furthest = 3;
    for (double const value : {1., 0.7, 0., -0.7, -1.}) {
        for (trial const& each : by_default.run(constant(value), much.trials)) {
            furthest = each.evaluations == 3 ? furthest : static_cast<double>(each.evaluations);
        }
    }
    goals.exactly("default_constant_evaluations", furthest, 3);

    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(
        argc, argv,
        "How many samples the stopping rules take, and how often their means are exact enough",
        run);
}
