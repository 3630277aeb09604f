// SPDX-License-Identifier: BSL-1.0
// What stopping rules promise and what they hold: how many samples a mean takes, and how often it is then as near to
// the true one as was asked for. A simulation with fixed seeds: the figures are the same on every run, except for the
// time of a sample.

#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <examples/support/parallel.hpp>
#include <functional>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

namespace {

using benchmark::simulated;
using engine = std::mt19937_64;
using options = memo::averaged_options<double>;
using betting_options = memo::betting_options<double>;

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
template <class Options = options> rule of_memo(std::string name, Options chosen, bool ranged) {
    chosen.repeat = memo::until_settled;
    auto const run = [chosen, ranged](law const& from, std::size_t trials) {
        Options mine = chosen;
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

betting_options betting(effort effort) {
    return {.rtol_stderr = 0.05,
            .atol_stderr = 0.01,
            .max_repetitions = effort.most,
            .confidence = 0.95,
            .interval = memo::betting};
}

options bernstein(effort effort) {
    return {.rtol_stderr = 0.05,
            .atol_stderr = 0.01,
            .max_repetitions = effort.most,
            .confidence = 0.95,
            .interval = memo::empirical_bernstein};
}

std::vector<rule> all_rules(effort effort) {
    options const standard_error{
        .rtol_stderr = 0.05, .atol_stderr = 0.01, .max_repetitions = effort.most};
    options t95 = standard_error;
    t95.confidence = 0.95;
    return {of_pydvl("pyDVL", 0.05, 3, 1000),
            of_memo("default", {}, false),
            of_memo("standard error", standard_error, false),
            of_memo("t 0.95", t95, false),
            of_memo("t 0.95, range", t95, true),
            of_memo("Bernstein", bernstein(effort), true),
            of_memo("betting", betting(effort), true)};
}

// Which of the rules the goals are about.
constexpr std::size_t with_range = 4;
constexpr std::size_t by_bernstein = 5;
constexpr std::size_t by_betting = 6;

using rows = std::vector<std::vector<row>>; ///< by rule and law

rows tabulate(effort effort) {
    auto const laws = all_laws();
    auto const rules = all_rules(effort);
    rows all(rules.size(), std::vector<row>(laws.size()));
    examples::progress_bar progress(rules.size() * laws.size());
    std::size_t const last = rules.size() * laws.size() - 1;
    examples::in_parallel(last + 1, progress, [&](std::size_t i) {
        std::size_t const r = (last - i) / laws.size(); // the longest first
        std::size_t const l = (last - i) % laws.size();
        all[r][l] = measure(rules[r], laws[l], effort.trials);
    });
    return all;
}

/// A table of each figure: by law and rule.
void print(rows const& all, effort effort) {
    auto const print_one = [&](std::string const& title, double row::*figure) {
        benchmark::plain_table table{title, {}};
        for (rule const& by : all_rules(effort)) {
            table.columns.push_back(by.name);
        }
        auto const laws = all_laws();
        for (std::size_t l = 0; l < laws.size(); ++l) {
            table.rows.push_back({laws[l].name, {}});
            for (auto const& of_rule : all) {
                table.rows.back().values.push_back(of_rule[l].*figure);
            }
        }
        benchmark::print(table);
    };
    print_one("samples of a mean", &row::evaluations);
    print_one("share of means within the tolerance", &row::held);
    print_one("mean error, in tolerances", &row::bias);
    print_one("share of means whose samples were all equal", &row::unvaried);
    print_one("share of means that ended before the limit", &row::settled);
}

using betting_moments = memo::detail::betting_moments<double>;

/// The interval of the samples so far.
auto interval_of(betting_moments const& m, law const& from) {
    return m.bets_on().interval(m.count(), from.range, 0.95);
}

/// Whether the interval contains the mean of the law.
bool covers(betting_moments const& m, law const& from) {
    auto const excludes = [&](double lower, double upper) {
        return m.bets_on().is_within({lower, upper}, m.count(), from.range, 0.95);
    };
    return !excludes(from.mean, from.range.high) && !excludes(from.range.low, from.mean);
}

/// The share of streams whose interval contains the true mean after each of their samples.
double anytime_coverage(law const& from, std::size_t trials, std::uint64_t samples) {
    engine random(2);
    std::size_t covered = 0;
    for (std::size_t i = 0; i < trials; ++i) {
        betting_moments m;
        bool always = true;
        while (always && m.count() < samples) {
            m.add(from.draw(random), from.range);
            always = covers(m, from);
        }
        covered += always ? 1U : 0U;
    }
    return static_cast<double>(covered) / static_cast<double>(trials);
}

/// Four streams of 250 samples, merged, against one of 1000.
struct merging {
    double coverage; ///< of the merged interval
    double width;    ///< mean width, in those of one stream
};

merging merge_streams(law const& from, std::size_t trials) {
    engine random(3);
    auto const draw = [&](int samples) {
        betting_moments m;
        for (int i = 0; i < samples; ++i) {
            m.add(from.draw(random), from.range);
        }
        return m;
    };
    std::size_t covered = 0;
    double merged_width = 0;
    double width = 0;
    for (std::size_t i = 0; i < trials; ++i) {
        std::array<betting_moments, 4> streams;
        std::ranges::generate(streams, [&] { return draw(250); });
        betting_moments merged;
        for (std::size_t const stream : {2U, 0U, 3U, 1U}) {
            merged.merge(streams.at(stream));
        }
        covered += covers(merged, from) ? 1U : 0U;
        auto const several = interval_of(merged, from);
        auto const one = interval_of(draw(1000), from);
        merged_width += several.upper - several.lower;
        width += one.upper - one.lower;
    }
    return {static_cast<double>(covered) / static_cast<double>(trials), merged_width / width};
}

/// Microseconds of one more sample of a key in memory, with the decision whether the mean is settled.
benchmark::comparison sample_time() {
    engine random(4);
    auto const mean = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int) { return uniform(random); }),
        {.rtol_stderr = 0,
         .atol_stderr = 1e-6,
         .max_repetitions = std::uint64_t{1} << 40,
         .confidence = 0.95,
         .range = memo::sample_range{0, 1},
         .interval = memo::betting});
    std::vector<double> times;
    for (int run = 0; run < 42; ++run) {
        constexpr int samples = 2000;
        double const start = benchmark::thread_time();
        for (int i = 0; i < samples; ++i) {
            static_cast<void>(mean(1));
        }
        times.push_back((benchmark::thread_time() - start) / 1e3 / samples);
    }
    return benchmark::figure_of(times);
}

/// What `interval = memo::betting` holds with one law.
struct betting_row {
    double held;
    double vs_t; ///< samples
    double vs_bernstein;
    double coverage; ///< after every sample
    merging merged;
};

/// is_rare         t promises nothing for it
betting_row measure_betting(rows const& all, std::size_t l, law const& from, bool is_rare,
                            effort effort) {
    row of_betting = all[by_betting][l];
    row of_bernstein = all[by_bernstein][l];
    if (of_bernstein.settled < 1) { // the limit was too low
        auto const more = effort.trials / 20;
        auto unlimited = [&](auto chosen) {
            chosen.max_repetitions = 100 * effort.most;
            return measure(of_memo("unlimited", chosen, true), from, more);
        };
        of_betting.evaluations = unlimited(betting(effort)).evaluations;
        of_bernstein = unlimited(bernstein(effort));
    }
    return {of_betting.held, of_betting.evaluations / all[with_range][l].evaluations,
            of_betting.evaluations / of_bernstein.evaluations,
            anytime_coverage(from, effort.trials, is_rare ? effort.most / 3 : effort.most / 10),
            merge_streams(from, effort.trials)};
}

/// What `interval = memo::betting` promises.
void report_betting(benchmark::goals& goals, rows const& all, effort effort) {
    auto const laws = all_laws();
    std::size_t const rare = laws.size() - 1;
    std::vector<betting_row> measured(laws.size());
    examples::progress_bar progress(laws.size());
    examples::in_parallel(laws.size(), progress, [&](std::size_t i) {
        std::size_t const l = rare - i; // the longest first
        measured[l] = measure_betting(all, l, laws[l], l == rare, effort);
    });
    double held = 1;
    double vs_t = 0;
    double vs_bernstein = 0;
    double coverage = 1;
    merging merged{1, 0};
    benchmark::plain_table table{
        "betting: samples of a mean by those of other rules, share of streams whose interval "
        "covers "
        "the mean after every sample, and four merged streams of 250 samples beside one of 1000",
        {"samples / t 0.95, range", "samples / Bernstein", "always covered", "merged covered",
         "merged width / width"}};
    for (std::size_t l = 0; l < laws.size(); ++l) {
        betting_row const& of = measured[l];
        table.rows.push_back(
            {laws[l].name,
             {of.vs_t, of.vs_bernstein, of.coverage, of.merged.coverage, of.merged.width}});
        held = std::min(held, of.held);
        if (laws[l].name != "bernoulli(.1)" && l != rare) {
            vs_t = std::max(vs_t, of.vs_t);
        }
        vs_bernstein = std::max(vs_bernstein, of.vs_bernstein);
        coverage = std::min(coverage, of.coverage);
        merged = {std::min(merged.coverage, of.merged.coverage),
                  std::max(merged.width, of.merged.width)};
    }
    benchmark::print(table);
    goals.at_least("betting_anytime_coverage_min", simulated(coverage), 0.95);
    goals.at_least("betting_held_min", simulated(held), 0.95);
    goals.at_most("betting_samples_vs_t_max", simulated(vs_t), 3.2);
    goals.at_most("betting_samples_vs_bernstein_max", simulated(vs_bernstein), 0.35);
    goals.at_most("betting_samples_bernoulli_01", simulated(all[by_betting][5].evaluations), 6000);
    goals.at_least("betting_merged_coverage_min", simulated(merged.coverage), 0.95);
    goals.at_most("betting_merged_width_max", simulated(merged.width), 1.3);
    goals.at_most("betting_sample_us", sample_time(), 2);
    goals.at_most("betting_record_bytes",
                  benchmark::counted(sizeof(memo::detail::betting_record<double>)), 1024);
}

law constant(double value) {
    return {"constant", value, {value - 1, value + 1}, [=](engine&) { return value; }};
}

void run(bool quick, std::string const& file) {
    effort const much = quick ? effort{50, 500} : effort{4000, 30'000};
    std::cout << much.trials << " trials a row\n\n";
    benchmark::goals goals;
    rows const all = tabulate(much);
    print(all, much);
    double smallest = 1;
    for (std::size_t l = 0; l + 1 < all[with_range].size();
         ++l) { // t promises nothing for the last
        smallest = std::min(smallest, all[with_range][l].held);
    }
    goals.at_least("t95_range_coverage_min", simulated(smallest), 0.93);
    report_betting(goals, all, much);

    auto const by_default = of_memo("default", {}, false);
    auto const with_atol = of_memo("default with atol", {.atol_stderr = 0.02}, false);
    auto const negative = gauss("negative", -0.3, 0.1);
    goals.at_least("default_stops_negative",
                   simulated(std::min(measure(by_default, negative, much.trials).settled,
                                      measure(by_default, constant(-1), much.trials).settled)),
                   1);

    // Relative to 0 no mean is ever exact enough: atol ends it, or else max_repetitions.
    auto const zero = gauss("zero", 0, 0.1);
    auto const ended = by_default.run(zero, much.trials);
    auto const by_limit = std::ranges::count_if(
        ended, [](trial const& each) { return each.evaluations <= options{}.max_repetitions; });
    goals.at_least(
        "default_stops_zero_mean",
        simulated(std::min(static_cast<double>(by_limit) / static_cast<double>(much.trials),
                           measure(with_atol, zero, much.trials).settled)),
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
