// SPDX-License-Identifier: BSL-1.0
#pragma once

// The score of a trained model: the share of samples with the right label.

#include "dataset.hpp"
#include <cstddef>

namespace examples {

/// The share of `samples` whose label the model predicts, in [0, 1].
template <class Model> [[nodiscard]] double accuracy(Model const& model, dataset const& samples) {
    std::size_t right = 0;
    for (std::size_t row = 0; row < samples.size(); ++row) {
        if (model.predict(samples.features.row(row)) == samples.labels[row]) {
            ++right;
        }
    }
    return static_cast<double>(right) / static_cast<double>(samples.size());
}

} // namespace examples
