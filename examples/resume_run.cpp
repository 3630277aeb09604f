// SPDX-License-Identifier: BSL-1.0

// A long valuation that is killed in the middle and started again. The second run computes nothing
// again: each utility was stored on disk as soon as it was computed.
//
// The program estimates Shapley values of 12 groups of digits by random permutations. It starts itself
// as a child, kills the child with SIGKILL half way, and finishes the child's run.

#include "support/accuracy.hpp"
#include "support/command_line.hpp"
#include "support/data_directory.hpp"
#include "support/preparation.hpp"
#include "support/softmax_regression.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace examples;
namespace fs = std::filesystem;

constexpr std::size_t groups = 12;
constexpr std::size_t rows_per_group = 10;

double worth(split const& samples, memo::index_set const& chosen) {
    std::vector<std::size_t> rows;
    for (std::size_t const group : chosen) {
        for (std::size_t row = 0; row < rows_per_group; ++row) {
            rows.push_back(group * rows_per_group + row);
        }
    }
    softmax_regression<10> const model(samples.train, rows, {.steps = 3, .rate = 1});
    return accuracy(model, samples.test);
}

auto remembered_worth(split const& samples, std::string const& directory) {
    return memo::memoize<memo::disk>(
        memo::keyed([&samples](memo::index_set const& chosen) { return worth(samples, chosen); },
                    memo::fingerprint(samples.train.features.values(), samples.train.labels,
                                      samples.test.features.values(), samples.test.labels)),
        {.name = "resume-run-worth", .version = "1"}, memo::disk{{.directory = directory}});
}

/// Mean marginal utilities over random permutations. Two runs with one seed need the same utilities.
template <class Utility>
std::vector<double> estimate(Utility const& utility, std::size_t permutations) {
    random_engine engine(1);
    std::vector<double> values(groups, 0.0);
    std::vector<std::size_t> order(groups);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = 0; i < permutations; ++i) {
        std::shuffle(order.begin(), order.end(), engine);
        memo::index_set coalition;
        double before = 0.1;
        for (std::size_t const group : order) {
            coalition.insert(group);
            double const now = utility(coalition);
            values[group] += (now - before) / static_cast<double>(permutations);
            before = now;
        }
    }
    return values;
}

int run(std::size_t permutations) {
    random_engine engine(7);
    split samples = split_at_random(load_csv(data_directory() / "digits.csv"),
                                    groups * rows_per_group, 200, engine);
    standardise(samples);
    std::string const directory =
        (fs::temp_directory_path() / ("memo-resume-" + std::to_string(::getpid()))).string();

    pid_t const child = ::fork();
    if (child == 0) {
        estimate(remembered_worth(samples, directory), permutations);
        ::_exit(0);
    }
    // The child is killed half way; this process counts the stored utilities on disk.
    memo::disk const stored({.directory = directory});
    std::size_t const half = permutations * groups / 4;
    int status = 0;
    while (stored.stats().entries < half && ::waitpid(child, &status, WNOHANG) == 0) {
        ::usleep(1000);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    auto const found = stored.stats().entries;

    auto const resumed = remembered_worth(samples, directory);
    auto const values = estimate(resumed, permutations);
    auto const counts = resumed.stats();
    auto const plain = memo::memoize<memo::memory>(
        memo::keyed([&](memo::index_set const& chosen) { return worth(samples, chosen); }, 1));
    bool const same = estimate(plain, permutations) == values;
    auto const distinct = plain.stats().evaluations;
    std::error_code ignored;
    fs::remove_all(directory, ignored);

    std::cout << "utilities stored by the killed run  " << found
              << "\nevaluated by the run after it       " << counts.evaluations
              << "\nevaluated by a run without trouble  " << distinct << "\nThe values are "
              << (same ? "the same, bit for bit.\n" : "NOT THE SAME.\n");
    return same && found + counts.evaluations == distinct ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    bool quick = false;
    command_line line("resume_run", "A valuation that is killed and resumed");
    line.flag("--quick", quick, "Fewer permutations");
    return line.run(argc, argv, [&] { return run(quick ? 15 : 100); });
}
