// SPDX-License-Identifier: BSL-1.0
#pragma once

// Logistic regression with a ridge penalty, trained by Newton's method. The same samples in the
// same order give the same weights to the last bit.

#include "cholesky.hpp"
#include "dataset.hpp"
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace examples {

/// The end of Newton's method, and the penalty on large weights.
struct newton {
    double ridge = 1; ///< of the penalty ridge / 2 * |weights|^2, added to the summed log loss
    std::size_t max_steps = 8; ///< each step roughly doubles the number of right digits
    double tolerance = 1e-6;   ///< no weight moves further than this in the last step
};

/// A linear classifier for labels 0 and 1.
class logistic_regression {
  public:
    /// Trains on the samples at `rows`, from zero weights; at least one row, of one class or of
    /// both.
    logistic_regression(dataset const& samples, std::span<std::size_t const> rows,
                        newton const& method)
        : weights_(samples.features.columns()) {
        for (std::size_t step = 0; step < method.max_steps; ++step) {
            if (newton_step(samples, rows, method.ridge) <= method.tolerance) {
                break;
            }
        }
    }

    [[nodiscard]] std::size_t predict(std::span<double const> features) const {
        return score(features) > 0 ? 1 : 0;
    }

  private:
    [[nodiscard]] double score(std::span<double const> features) const {
        double sum = 0;
        for (std::size_t feature = 0; feature < features.size(); ++feature) {
            sum += features[feature] * weights_[feature];
        }
        return sum;
    }

    /// Moves the weights by -H^-1 g and returns the largest move of one weight (Bishop 2006,
    /// Pattern Recognition and Machine Learning, equations 4.92, 4.96 and 4.97, with the ridge
    /// added to both g and H).
    double newton_step(dataset const& samples, std::span<std::size_t const> rows, double ridge) {
        std::size_t const n = weights_.size();
        matrix hessian(n, n);
        std::vector<double> gradient(n);
        for (std::size_t i = 0; i < n; ++i) {
            hessian.row(i)[i] = ridge;
            gradient[i] = ridge * weights_[i];
        }
        for (std::size_t const row : rows) {
            auto const features = samples.features.row(row);
            double const probability = 1 / (1 + std::exp(-score(features)));
            double const error = probability - static_cast<double>(samples.labels[row]);
            double const curvature = probability * (1 - probability);
            for (std::size_t i = 0; i < n; ++i) {
                gradient[i] += error * features[i];
                double const scaled = curvature * features[i];
                auto const lower = hessian.row(i);
                for (std::size_t j = 0; j <= i; ++j) {
                    lower[j] += scaled * features[j];
                }
            }
        }
        solve_in_place(hessian, gradient);
        double furthest = 0;
        for (std::size_t i = 0; i < n; ++i) {
            weights_[i] -= gradient[i];
            furthest = std::max(furthest, std::abs(gradient[i]));
        }
        return furthest;
    }

    std::vector<double> weights_;
};

} // namespace examples
