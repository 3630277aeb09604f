// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the code in README.md and docs/ takes for given, and what runs it.

#include "support/temp_dir.hpp"
#include <memo/index_set.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace memo_docs {

/// Samples with one feature and a label.
struct dataset {
    std::vector<double> x;
    std::vector<int> y;
};

struct model {
    double threshold = 0;
};

/// The mean of the chosen samples, or near it: as a training with a seed is.
inline model train(dataset const& data, memo::index_set const& subset, std::uint64_t seed = 0) {
    double sum = 0;
    for (auto const index : subset) {
        sum += data.x.at(index);
    }
    std::mt19937_64 random(seed);
    double const noise = seed == 0 ? 0 : std::normal_distribution<>(0, 0.05)(random);
    return {subset.empty() ? 0 : sum / static_cast<double>(subset.size()) + noise};
}

/// The share of samples on their side of the threshold.
inline double accuracy(model const& trained, dataset const& test) {
    std::size_t right = 0;
    for (std::size_t i = 0; i < test.x.size(); ++i) {
        right += (test.x[i] > trained.threshold) == (test.y[i] == 1) ? 1U : 0U;
    }
    return static_cast<double>(right) / static_cast<double>(test.x.size());
}

/// Something that takes long.
inline double f(double x, int n) {
    return std::pow(x, n);
}

/// A thread pool, as far as the pages need one: it runs what it is given.
struct thread_pool {
    void post(std::function<void()> const& task) const { std::jthread(task).join(); }
};

/// One block of a page: where it is, its code, and what it prints; nothing if nobody says.
struct snippet {
    std::string_view place;                      ///< page:line
    void (*run)(dataset const&, dataset const&); ///< null if compiling is all that can be asked
    std::string_view prints;
};

/// Whether the text is the pattern, where each "…" of the pattern stands for any text.
inline bool is_like(std::string_view text, std::string_view pattern) {
    static constexpr std::string_view any = "…";
    auto const hole = pattern.find(any);
    if (hole == std::string_view::npos) {
        return text == pattern;
    }
    if (text.substr(0, hole) != pattern.substr(0, hole)) {
        return false;
    }
    pattern.remove_prefix(hole + any.size());
    for (std::size_t next = hole; next <= text.size(); ++next) {
        if (is_like(text.substr(next), pattern)) {
            return true;
        }
    }
    return false;
}

/// Runs one block. What it writes goes to a directory that is gone afterwards.
///
/// Throws:         nothing
inline bool runs_well(snippet const& block) {
    static dataset const data{{0.1, 0.9, 0.4, 0.6, 0.2, 0.8, 0.3, 0.7}, {0, 1, 0, 1, 0, 1, 0, 1}};
    static dataset const test{{0.15, 0.45, 0.55, 0.95}, {0, 0, 1, 1}};
    if (block.run == nullptr) {
        std::cout << block.place << ": compiles\n";
        return true;
    }
    std::ostringstream printed;
    std::streambuf* const screen = std::cout.rdbuf(printed.rdbuf());
    std::string trouble;
    try {
        block.run(data, test);
    } catch (std::exception const& thrown) {
        trouble = thrown.what();
    } catch (...) {
        trouble = "it throws what is no exception";
    }
    std::cout.rdbuf(screen);
    if (trouble.empty() && !block.prints.empty() && !is_like(printed.str(), block.prints)) {
        trouble = "it prints\n" + printed.str() + "and not\n" + std::string(block.prints);
    }
    std::cout << block.place << ": " << (trouble.empty() ? "runs" : trouble) << '\n';
    return trouble.empty();
}

/// Runs the blocks of the page that the first argument names; 0 if there are any and all run well.
inline int run_page(std::vector<snippet> const& all, int argc, char** argv) {
    std::span const arguments(argv, static_cast<std::size_t>(argc));
    if (arguments.size() != 2) {
        std::cerr << "snippets PAGE\n";
        return 2;
    }
    memo_test::temp_dir const folder;
    std::filesystem::current_path(folder.path());
    ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    std::string const page = std::string(arguments[1]) + ':';
    int count = 0;
    int failures = 0;
    for (snippet const& block : all) {
        if (block.place.starts_with(page)) {
            ++count;
            failures += runs_well(block) ? 0 : 1;
        }
    }
    std::filesystem::current_path("/");
    std::cout << count << " blocks, " << failures << " of them fail\n";
    return failures == 0 && count > 0 ? 0 : 1;
}

} // namespace memo_docs
