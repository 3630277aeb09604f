// SPDX-License-Identifier: BSL-1.0
#pragma once

// Multinomial logistic ("softmax") regression, trained by gradient descent, or by stochastic
// gradient descent. The same samples in the same order, and the same random numbers, give the same
// weights to the last bit.

#include "dataset.hpp"
#include "random.hpp"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace examples {

/// The number and size of the steps of gradient descent.
struct gradient_descent {
    std::size_t steps;
    double rate;
};

/// The number of samples that stochastic gradient descent draws, and the size of its steps.
struct stochastic_gradient_descent {
    std::size_t draws;
    double rate;
};

/// A linear classifier for classes 0 … Classes-1.
template <std::size_t Classes> class softmax_regression {
  public:
    /// Trains on the samples at `rows`, from zero weights; at least one row.
    softmax_regression(dataset const& samples, std::span<std::size_t const> rows,
                       gradient_descent const& descent)
        : weights_(samples.features.columns()) {
        weight_table gradient(weights_.size());
        for (std::size_t step = 0; step < descent.steps; ++step) {
            add_gradient(samples, rows, gradient);
            descend(gradient, descent.rate / static_cast<double>(rows.size()));
        }
    }

    /// Trains on samples drawn from those at `rows`, one at a time, with replacement, from zero
    /// weights; at least one row.
    softmax_regression(dataset const& samples, std::span<std::size_t const> rows,
                       stochastic_gradient_descent const& descent, random_engine& engine)
        : weights_(samples.features.columns()) {
        weight_table gradient(weights_.size());
        for (std::size_t draw = 0; draw < descent.draws; ++draw) {
            add_gradient(samples, rows.subspan(uniform_below(rows.size(), engine), 1), gradient);
            descend(gradient, descent.rate);
        }
    }

    [[nodiscard]] std::size_t predict(std::span<double const> features) const {
        auto const scores = score(features);
        return static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
    }

  private:
    using class_scores = std::array<double, Classes>;
    using weight_table = std::vector<class_scores>; // one row per feature

    [[nodiscard]] class_scores score(std::span<double const> features) const {
        class_scores scores{};
        for (std::size_t feature = 0; feature < features.size(); ++feature) {
            for (std::size_t c = 0; c < Classes; ++c) {
                scores[c] += features[feature] * weights_[feature][c];
            }
        }
        return scores;
    }

    /// Turns scores into probabilities. Subtracts the largest score first, so that no exponential
    /// overflows.
    static void softmax(class_scores& scores) {
        double const largest = *std::ranges::max_element(scores);
        double sum = 0;
        for (double& s : scores) {
            s = std::exp(s - largest);
            sum += s;
        }
        for (double& s : scores) {
            s /= sum;
        }
    }

    /// Adds the gradient of the log loss, x (p - y)^T for each sample (Bishop 2006, Pattern
    /// Recognition and Machine Learning, equation 4.109).
    void add_gradient(dataset const& samples, std::span<std::size_t const> rows,
                      weight_table& gradient) const {
        for (std::size_t const row : rows) {
            auto const features = samples.features.row(row);
            auto error = score(features);
            softmax(error);
            error[samples.labels[row]] -= 1;
            for (std::size_t feature = 0; feature < features.size(); ++feature) {
                for (std::size_t c = 0; c < Classes; ++c) {
                    gradient[feature][c] += features[feature] * error[c];
                }
            }
        }
    }

    /// One step of the descent; sets the gradient to zero for the next one.
    void descend(weight_table& gradient, double rate) {
        for (std::size_t feature = 0; feature < weights_.size(); ++feature) {
            for (std::size_t c = 0; c < Classes; ++c) {
                weights_[feature][c] -= rate * gradient[feature][c];
                gradient[feature][c] = 0;
            }
        }
    }

    weight_table weights_;
};

} // namespace examples
