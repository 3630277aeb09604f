// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a coalition of groups of handwritten digits is worth: the accuracy of a model that was trained
// on its samples.

#include <memo/memo.hpp>

#include "accuracy.hpp"
#include "sample_groups.hpp"
#include "softmax_regression.hpp"

namespace examples {

/// Trains on the chosen groups and scores on the test rows.
[[nodiscard]] inline double test_accuracy(sample_groups const& groups,
                                          gradient_descent const& training,
                                          memo::index_set const& chosen) {
    softmax_regression<digits> const model(groups.samples.train, rows_of(chosen), training);
    return accuracy(model, groups.samples.test);
}

/// The utility, together with what it depends on beside its argument: other samples or another way
/// of training are another function, and a cache must not mix them up.
///
/// groups          must live as long as the utility
[[nodiscard]] inline auto utility_of(sample_groups const& groups,
                                     gradient_descent const& training) {
    return memo::keyed(
        [&groups, training](memo::index_set const& chosen) {
            return test_accuracy(groups, training, chosen);
        },
        fingerprint_of(groups), training.steps, training.rate);
}

} // namespace examples
