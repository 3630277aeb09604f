// SPDX-License-Identifier: BSL-1.0
#pragma once

// The utility of a coalition of groups of handwritten digits: the accuracy of a model that is trained
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

/// The utility and the state that it depends on besides its argument: other samples, or another way of
/// training, have other keys.
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
