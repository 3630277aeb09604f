// SPDX-License-Identifier: BSL-1.0
#pragma once

// A labelled data set, read from a CSV file.

#include "matrix.hpp"
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

/// n samples: n rows of features and n class labels, which count from 0.
struct dataset {
    matrix features;
    std::vector<std::size_t> labels;

    [[nodiscard]] std::size_t size() const { return labels.size(); }
};

/// The samples at `rows`, in that order.
[[nodiscard]] inline dataset take(dataset const& from, std::span<std::size_t const> rows) {
    dataset taken{matrix(rows.size(), from.features.columns()), {}};
    for (std::size_t const row : rows) {
        std::ranges::copy(from.features.row(row), taken.features.row(taken.size()).begin());
        taken.labels.push_back(from.labels[row]);
    }
    return taken;
}

/// The numbers of one line of a CSV file; nothing if a field is not a number.
[[nodiscard]] inline std::optional<std::vector<double>> parse_csv_line(std::string_view line) {
    std::vector<double> numbers;
    char const* next = line.data();
    char const* const end = next + line.size();
    while (true) {
        double number = 0;
        auto const [stop, error] = std::from_chars(next, end, number);
        if (error != std::errc{}) {
            return std::nullopt;
        }
        numbers.push_back(number);
        if (stop == end) {
            return numbers;
        }
        if (*stop != ',') {
            return std::nullopt;
        }
        next = stop + 1;
    }
}

/// The lines of numbers of a CSV file. A first line that names the classes is not one of them.
///
/// Throws:         std::runtime_error if the file cannot be read or lines differ in length
[[nodiscard]] inline std::vector<std::vector<double>>
read_csv_lines(std::filesystem::path const& file) {
    std::ifstream in(file);
    if (!in) {
        throw std::runtime_error("cannot read " + file.string());
    }
    std::vector<std::vector<double>> lines;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        auto numbers = parse_csv_line(line);
        if (!numbers && number == 1) {
            continue;
        }
        if (!numbers || (!lines.empty() && numbers->size() != lines.front().size())) {
            throw std::runtime_error(file.string() + ": line " + std::to_string(number) +
                                     " is not a row of this table");
        }
        lines.push_back(std::move(*numbers));
    }
    if (lines.empty() || lines.front().size() < 2) {
        throw std::runtime_error(file.string() + ": no samples");
    }
    return lines;
}

/// Reads a data set whose last column is the label.
///
/// Throws:         as `read_csv_lines`
[[nodiscard]] inline dataset load_csv(std::filesystem::path const& file) {
    auto const lines = read_csv_lines(file);
    std::size_t const columns = lines.front().size() - 1;
    dataset loaded{matrix(lines.size(), columns), {}};
    for (auto const& line : lines) {
        std::ranges::copy(std::span(line).first(columns),
                          loaded.features.row(loaded.size()).begin());
        loaded.labels.push_back(static_cast<std::size_t>(line.back()));
    }
    return loaded;
}

} // namespace examples
