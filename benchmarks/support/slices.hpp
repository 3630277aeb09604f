// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a call costs each of several threads that call at the same time. On a machine that others use, a thread is taken
// off its core now and then, and then the rest of them run alone; so work is cut into slices, and only those count in
// which the thread kept its core while the others were at it too.

#include <support/measure.hpp>
#include <support/wall.hpp>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <functional>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace benchmark {

/// One thread's run of a few thousand calls.
struct slice {
    double begin; ///< ns of wall time
    double end;
    bool kept_core; ///< the kernel did not take the thread's core away
};

/// Runs work(thread, slice) `slices` times in each of `threads` threads, all at once.
template <class Work>
std::vector<std::vector<slice>> run_slices(std::size_t threads, std::size_t slices,
                                           Work const& work) {
    std::vector<std::vector<slice>> all(threads);
    std::barrier start(static_cast<std::ptrdiff_t>(threads));
    std::vector<std::jthread> running;
    auto const switches = [] {
        rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nivcsw;
    };
    for (std::size_t thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, thread] {
            all[thread].reserve(slices);
            start.arrive_and_wait();
            for (std::size_t i = 0; i < slices; ++i) {
                auto const before = switches();
                double const begin = wall_time();
                work(thread, i);
                double const end = wall_time();
                all[thread].push_back({begin, end, switches() == before});
            }
        });
    }
    running.clear();
    return all;
}

/// The share of a slice in which another thread ran slices that kept its core.
inline double overlap(slice const& mine, std::vector<slice> const& others) {
    double sum = 0;
    for (auto const& other : others) {
        if (other.kept_core) {
            sum += std::max(0.0, std::min(mine.end, other.end) - std::max(mine.begin, other.begin));
        }
    }
    return sum / (mine.end - mine.begin);
}

/// ns of the slices that count.
inline std::vector<double> clean_times(std::vector<std::vector<slice>> const& all) {
    constexpr double enough = 0.75;
    std::vector<double> times;
    for (std::size_t thread = 0; thread < all.size(); ++thread) {
        for (auto const& mine : all[thread]) {
            bool clean = mine.kept_core;
            for (std::size_t other = 0; clean && other < all.size(); ++other) {
                clean = other == thread || overlap(mine, all[other]) >= enough;
            }
            if (clean) {
                times.push_back(mine.end - mine.begin);
            }
        }
    }
    return times;
}

/// How much faster two threads are together than one: 2 if they do not disturb each other.
class scaling {
  public:
    /// calls           in a slice
    explicit scaling(std::size_t calls) : calls_(static_cast<double>(calls)) {}

    template <class Work> void measure(std::size_t slices, Work const& work) {
        auto const alone = clean_times(run_slices(1, slices, work));
        auto const together = clean_times(run_slices(2, slices, work));
        alone_.insert(alone_.end(), alone.begin(), alone.end());
        together_.insert(together_.end(), together.begin(), together.end());
        if (!alone.empty() && !together.empty()) {
            rounds_alone_.push_back(median(alone));
            rounds_together_.push_back(median(together));
        }
    }

    /// ns a call
    [[nodiscard]] double alone() const { return median(alone_) / calls_; }
    [[nodiscard]] double together() const { return median(together_) / calls_; }
    /// The median over the rounds, with its quartiles.
    [[nodiscard]] comparison factor() const {
        if (rounds_alone_.empty()) {
            return {std::nan(""), std::nan(""), std::nan(""), std::nan(""), "no clean slices"};
        }
        return compare_rounds(rounds_alone_, rounds_together_,
                              [](double one, double two) { return 2 * one / two; });
    }
    /// Slices that counted, of two threads together.
    [[nodiscard]] std::size_t counted() const { return together_.size(); }

  private:
    static double median(std::vector<double> const& times) {
        return times.empty() ? std::nan("") : quantile(times, 0.5);
    }

    double calls_;
    std::vector<double> alone_;
    std::vector<double> together_;
    std::vector<double> rounds_alone_; ///< medians
    std::vector<double> rounds_together_;
};

} // namespace benchmark
