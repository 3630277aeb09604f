// SPDX-License-Identifier: BSL-1.0
#pragma once

// The players of a game of data valuation: groups of handwritten digits, some of them with wrong
// labels, and the digits for the score.

#include <memo/memo.hpp>

#include "dataset.hpp"
#include "preparation.hpp"
#include "random.hpp"
#include "wrong_labels.hpp"
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace examples {

inline constexpr std::size_t digits = 10;
inline constexpr std::size_t rows_per_group = 20;
inline constexpr std::size_t test_rows = 300;
inline constexpr double worth_of_guessing = 1.0 / digits;

/// The players: group g holds the training rows from g * rows_per_group on.
struct sample_groups {
    split samples;
    std::vector<std::size_t> wrong_labels; ///< the number in each group

    [[nodiscard]] std::size_t size() const { return wrong_labels.size(); }
};

/// Draws the groups at random; the last quarter of them gets half of its labels wrong.
[[nodiscard]] inline sample_groups draw_groups(dataset const& all, std::size_t count,
                                               std::uint64_t seed) {
    random_engine engine(seed);
    sample_groups groups{split_at_random(all, count * rows_per_group, test_rows, engine), {}};
    standardise(groups.samples);
    std::vector<std::size_t> rows(groups.samples.train.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    for (std::size_t group = 0; group < count; ++group) {
        std::size_t const wrong = 4 * (count - group) <= count ? rows_per_group / 2 : 0;
        auto const of_group = std::span(rows).subspan(group * rows_per_group, rows_per_group);
        make_labels_wrong(groups.samples.train, of_group, wrong, digits, engine);
        groups.wrong_labels.push_back(wrong);
    }
    return groups;
}

/// The training rows of the chosen groups.
[[nodiscard]] inline std::vector<std::size_t> rows_of(memo::index_set const& chosen) {
    std::vector<std::size_t> rows;
    for (std::size_t const group : chosen) {
        for (std::size_t row = 0; row < rows_per_group; ++row) {
            rows.push_back(group * rows_per_group + row);
        }
    }
    return rows;
}

/// The fingerprint of the samples, for the key: other samples are another utility.
[[nodiscard]] inline memo::key128 fingerprint_of(sample_groups const& groups) {
    auto const& [train, test, held_out] = groups.samples;
    return memo::fingerprint(train.features.values(), train.labels, test.features.values(),
                             test.labels);
}

} // namespace examples
