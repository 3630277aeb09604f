// SPDX-License-Identifier: BSL-1.0
#pragma once

// What two series of measurements say about each other, and when they say nothing: a figure is void if the same
// thing measured twice differs, if there are two answers, or if it is better than physics allows.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace benchmark {

/// Interpolates: of an even number of values, the median is the mean of the two in the middle.
inline double quantile(std::vector<double> values, double share) {
    double const place = share * static_cast<double>(values.size() - 1);
    auto const below = values.begin() + static_cast<std::ptrdiff_t>(place);
    std::ranges::nth_element(values, below);
    if (below + 1 == values.end()) {
        return *below;
    }
    double const above = *std::min_element(below + 1, values.end());
    return *below + (above - *below) * (place - std::floor(place));
}

/// Two groups that values fall into.
struct modes {
    double low; ///< median of the lower group
    double high;
    double share_of_high;
};

/// Finds two modes in positive values: the cut that explains most of the variance of their logarithms must
/// explain 85 % of it (a normal law has 64 %, a uniform one 75 %), with a tenth of the values on either side
/// and a quarter between the two medians.
///
/// Source:         Otsu 1979, IEEE Trans. Systems, Man, Cybernetics 9(1), p. 62
inline std::optional<modes> two_modes(std::vector<double> values) {
    constexpr std::size_t enough = 10;
    constexpr double explained = 0.85;
    constexpr double least_share = 0.1;
    constexpr double least_distance = 1.25;
    std::size_t const count = values.size();
    if (count < enough || std::ranges::min(values) <= 0) {
        return std::nullopt;
    }
    std::ranges::sort(values);
    std::vector<double> sums(count + 1);
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        double const log = std::log(values[i] / values[0]);
        sums[i + 1] = sums[i] + log;
        squares += log * log;
    }
    auto const n = static_cast<double>(count);
    double const variance = squares / n - sums[count] / n * sums[count] / n;
    double best = 0;
    std::size_t cut = 0;
    for (std::size_t i = 1; i < count; ++i) {
        auto const below = static_cast<double>(i);
        double const distance = (sums[count] - sums[i]) / (n - below) - sums[i] / below;
        double const between = below / n * (1 - below / n) * distance * distance;
        if (between > best) {
            best = between;
            cut = i;
        }
    }
    double const share = 1 - static_cast<double>(cut) / n;
    if (best < explained * variance || share < least_share || 1 - share < least_share) {
        return std::nullopt;
    }
    modes const found{values[cut / 2], values[(cut + count) / 2], share};
    return found.high >= least_distance * found.low ? std::optional(found) : std::nullopt;
}

/// A figure about two variants: the median over the rounds, with its quartiles.
struct comparison {
    double median;
    double lower;
    double upper;
    double control;      ///< the reference's second measurement by its first
    std::string doubt{}; ///< why the figure is void; empty: it is not
};

/// Rounds in, a figure out: `of` each round's two values.
template <class Of>
comparison compare_rounds(std::vector<double> const& one, std::vector<double> const& other, Of of) {
    if (one.empty() || one.size() != other.size()) {
        throw std::logic_error("nothing was measured");
    }
    std::vector<double> figures(one.size());
    std::ranges::transform(one, other, figures.begin(), of);
    return {quantile(figures, 0.5), quantile(figures, 0.25), quantile(figures, 0.75),
            std::numeric_limits<double>::quiet_NaN(), two_modes(figures) ? "two modes" : ""};
}

/// The most that a control may be off: the same thing, measured twice.
constexpr double max_control = 1.1;

/// How far a control is from 1, as a factor of at least 1; NaN: infinitely.
inline double deviation(double control) {
    return control > 0 ? std::max(control, 1 / control) : std::numeric_limits<double>::infinity();
}

/// The comparison with this control: void if the control is too far off.
inline comparison controlled(comparison of, double control) {
    of.control = control;
    if (deviation(control) > max_control) {
        of.doubt = "null control";
    }
    return of;
}

/// A figure that is compared with nothing, such as a time in ms: the median of the samples, with its
/// quartiles. Every second sample belongs to a second measurement, the control.
inline comparison figure_of(std::vector<double> const& samples) {
    std::vector<double> figure;
    std::vector<double> again;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        (i % 2 == 0 ? figure : again).push_back(samples[i]);
    }
    again.resize(std::min(again.size(), figure.size()));
    figure.resize(again.size());
    return controlled(compare_rounds(figure, again, [](double value, double) { return value; }),
                      quantile(again, 0.5) / quantile(figure, 0.5));
}

/// A figure without quartiles, and why it has none.
struct single {
    double value;
    std::string reason;
};

/// No clock is in it, such as bytes or calls.
inline single counted(double value) {
    return {value, "count"};
}
/// Random numbers are in it, the same in every run.
inline single simulated(double value) {
    return {value, "fixed seeds"};
}
/// The longest or the shortest of many.
inline single extreme(double value) {
    return {value, "extreme of many"};
}
/// Too long to be repeated.
inline single measured_once(double value) {
    return {value, "measured once"};
}

} // namespace benchmark
