// SPDX-License-Identifier: BSL-1.0
#pragma once

// Prepares a data set for a linear model: random split, standardised features, constant column.

#include "dataset.hpp"
#include "random.hpp"
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace examples {

/// Samples for training, samples for the utility's score, and the rest, which are in neither.
struct split {
    dataset train;
    dataset test;
    dataset held_out;
};

/// Splits at random into `train` and `test` samples and the rest.
///
/// Throws:         std::invalid_argument if there are too few samples
[[nodiscard]] inline split split_at_random(dataset const& all, std::size_t train, std::size_t test,
                                           random_engine& engine) {
    if (train + test > all.size()) {
        throw std::invalid_argument("the data set has fewer samples than the split asks for");
    }
    auto const order = random_order(all.size(), engine);
    auto const rows = std::span(order);
    return {take(all, rows.first(train)), take(all, rows.subspan(train, test)),
            take(all, rows.subspan(train + test))};
}

/// Mean and standard deviation of each column.
struct column_moments {
    std::vector<double> mean;
    std::vector<double> deviation;
};

[[nodiscard]] inline column_moments moments_of(matrix const& table) {
    auto const rows = static_cast<double>(table.rows());
    column_moments moments{std::vector<double>(table.columns()),
                           std::vector<double>(table.columns())};
    for (std::size_t column = 0; column < table.columns(); ++column) {
        double sum = 0;
        for (std::size_t row = 0; row < table.rows(); ++row) {
            sum += table.row(row)[column];
        }
        double const mean = sum / rows;
        double squares = 0;
        for (std::size_t row = 0; row < table.rows(); ++row) {
            double const difference = table.row(row)[column] - mean;
            squares += difference * difference;
        }
        moments.mean[column] = mean;
        moments.deviation[column] = std::sqrt(squares / rows);
    }
    return moments;
}

/// The table in units of standard deviations from the mean, and a last column of ones for a model's
/// intercept. A column that never varies becomes zero.
[[nodiscard]] inline matrix standardise(matrix const& table, column_moments const& moments) {
    matrix result(table.rows(), table.columns() + 1);
    for (std::size_t row = 0; row < table.rows(); ++row) {
        auto const from = table.row(row);
        auto const to = result.row(row);
        for (std::size_t column = 0; column < table.columns(); ++column) {
            double const deviation = moments.deviation[column];
            to[column] = deviation > 0 ? (from[column] - moments.mean[column]) / deviation : 0;
        }
        to.back() = 1;
    }
    return result;
}

/// Standardises all three parts by the moments of the training samples alone.
inline void standardise(split& parts) {
    auto const moments = moments_of(parts.train.features);
    for (dataset* part : {&parts.train, &parts.test, &parts.held_out}) {
        part->features = standardise(part->features, moments);
    }
}

} // namespace examples
