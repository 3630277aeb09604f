// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a call costs each of several threads that call at the same time. On a machine that others use, a thread is taken
// off its core now and then, and then the rest of them run alone; so work is cut into slices, and only those count in
// which the thread kept its core while the others were at it too.

#include <support/cores.hpp>
#include <support/measure.hpp>
#include <support/wall.hpp>

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <optional>
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

/// ns. A core that was idle is slow at first, and a host may have put it onto another thread of the same core.
inline constexpr double warm_up = 20e6;

/// Runs work(thread, slice) `slices` times in each of `threads` threads, all at once, each on a core of its own.
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
            pinned const place(thread);
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

/// ns of a slice, at the median: of one thread, and of two at once.
struct scaling {
    double alone;
    double together;

    /// How much faster two threads are together than one: 2 if they do not disturb each other.
    [[nodiscard]] double factor() const { return 2 * alone / together; }
};

/// Nothing if no slice counts.
template <class Work> std::optional<scaling> measure_scaling(std::size_t slices, Work const& work) {
    auto const alone = clean_times(run_slices(1, slices, work));
    auto const together = clean_times(run_slices(2, slices, work));
    if (alone.empty() || together.empty()) {
        return std::nullopt;
    }
    return scaling{quantile(alone, 0.5), quantile(together, 0.5)};
}

} // namespace benchmark
