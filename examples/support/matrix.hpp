// SPDX-License-Identifier: BSL-1.0
#pragma once

// A table of real numbers, one sample per row.

#include <cstddef>
#include <span>
#include <vector>

namespace examples {

/// `rows` x `columns` real numbers, row by row, zero at first.
class matrix {
  public:
    matrix() = default;

    matrix(std::size_t rows, std::size_t columns) : columns_(columns), values_(rows * columns) {}

    [[nodiscard]] std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }

    [[nodiscard]] std::size_t columns() const { return columns_; }

    [[nodiscard]] std::span<double> row(std::size_t index) {
        return std::span(values_).subspan(index * columns_, columns_);
    }

    [[nodiscard]] std::span<double const> row(std::size_t index) const {
        return std::span(values_).subspan(index * columns_, columns_);
    }

    /// All numbers, row by row, for a fingerprint of the table.
    [[nodiscard]] std::vector<double> const& values() const { return values_; }

  private:
    std::size_t columns_ = 0;
    std::vector<double> values_;
};

} // namespace examples
