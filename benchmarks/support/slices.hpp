// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a call costs each of several threads that call at the same time. On a machine that others use, a thread is taken
// off its core now and then, and then the rest of them run alone; so work is cut into slices, and only those count in
// which the thread kept its core while the others were at it too.

#include <support/cores.hpp>
#include <support/measure.hpp>
#include <support/wall.hpp>

#include <algorithm>
#include <array>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace benchmark {

/// One thread's run of a few thousand calls.
struct slice {
    double begin; ///< ns of wall time
    double end;
    bool kept_core; ///< the kernel did not take the thread's core away
};

/// ns. A core that was idle is slow at first.
inline constexpr double warm_up = 20e6;

/// Runs work(thread, slice) `slices` times in one thread on each of the places, all at once. Without places the kernel
/// leaves two new threads on one core for longer than the slices take.
template <class Work>
std::vector<std::vector<slice>> run_slices(std::vector<std::size_t> const& places,
                                           std::size_t slices, Work const& work) {
    std::vector<std::vector<slice>> all(places.size());
    std::barrier start(static_cast<std::ptrdiff_t>(places.size()));
    std::vector<std::jthread> running;
    auto const switches = [] {
        rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nivcsw;
    };
    for (std::size_t thread = 0; thread < places.size(); ++thread) {
        running.emplace_back([&, thread] {
            pinned const place(places[thread]);
            all[thread].reserve(slices);
            start.arrive_and_wait();
            for (double const begin = wall_time(); wall_time() - begin < warm_up;) {
                work(thread, slices);
            }
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

/// ns of one thread's slices that count: the median. NaN: none does.
inline double clean_time(std::vector<std::vector<slice>> const& all, std::size_t thread) {
    constexpr double enough = 0.75;
    std::vector<double> times;
    for (auto const& mine : all[thread]) {
        bool clean = mine.kept_core;
        for (std::size_t other = 0; clean && other < all.size(); ++other) {
            clean = other == thread || overlap(mine, all[other]) >= enough;
        }
        if (clean) {
            times.push_back(mine.end - mine.begin);
        }
    }
    return times.empty() ? std::nan("") : quantile(std::move(times), 0.5);
}

/// ns of a slice on each of two cores: alone, and beside the other. One core may be slower than the other.
struct scaling {
    std::array<double, 2> alone;
    std::array<double, 2> together;

    /// How much faster two threads are together than one: 2 if they do not disturb each other. NaN if too few slices count.
    [[nodiscard]] double factor() const { return alone[0] / together[0] + alone[1] / together[1]; }
};

template <class Work> scaling measure_scaling(std::size_t slices, Work const& work) {
    auto const together = run_slices({0, 1}, slices, work);
    return {{clean_time(run_slices({0}, slices, work), 0),
             clean_time(run_slices({1}, slices, work), 0)},
            {clean_time(together, 0), clean_time(together, 1)}};
}

} // namespace benchmark
