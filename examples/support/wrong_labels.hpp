// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sets wrong labels on purpose, and measures how well values find them.

#include "dataset.hpp"
#include "random.hpp"
#include <cstddef>
#include <span>
#include <vector>

namespace examples {

/// Sets another label for `count` random samples of `rows`.
///
/// classes         labels are in [0, classes); at least 2
/// Returns:        the rows whose labels are wrong now
inline std::vector<std::size_t> make_labels_wrong(dataset& samples,
                                                  std::span<std::size_t const> rows,
                                                  std::size_t count, std::size_t classes,
                                                  random_engine& engine) {
    std::vector<std::size_t> wrong;
    for (std::size_t const at : random_order(rows.size(), engine)) {
        if (wrong.size() == count) {
            break;
        }
        std::size_t const row = rows[at];
        std::size_t const shift = 1 + uniform_below(classes - 1, engine);
        samples.labels[row] = (samples.labels[row] + shift) % classes;
        wrong.push_back(row);
    }
    return wrong;
}

/// The probability that a wrongly labelled sample has a lower value than a rightly labelled one; a tie
/// counts one half. This is the area under the ROC curve of "low value" as the sign of a wrong label:
/// 1 finds all of them first, 0.5 is chance (Hanley, McNeil 1982, Radiology 143(1), p. 29).
///
/// values, wrong   one per sample; at least one sample of each kind
[[nodiscard]] inline double detection_auc(std::span<double const> values,
                                          std::vector<bool> const& wrong) {
    double lower = 0;
    std::size_t pairs = 0;
    for (std::size_t bad = 0; bad < values.size(); ++bad) {
        for (std::size_t good = 0; good < values.size(); ++good) {
            if (wrong[bad] && !wrong[good]) {
                ++pairs;
                lower += values[bad] < values[good] ? 1 : values[bad] == values[good] ? 0.5 : 0;
            }
        }
    }
    return lower / static_cast<double>(pairs);
}

} // namespace examples
