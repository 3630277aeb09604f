// SPDX-License-Identifier: BSL-1.0
#pragma once

// Solves A x = b for a symmetric positive definite A.

#include "matrix.hpp"
#include <cmath>
#include <cstddef>
#include <span>

namespace examples {

/// Replaces `b` by the solution x of A x = b, by Cholesky's decomposition A = L L^T (Golub, Van
/// Loan 2013, Matrix Computations, sections 3.1 and 4.2).
///
/// a               n x n, symmetric positive definite; only the lower triangle is read, and L
///                 overwrites it
/// b               n numbers
inline void solve_in_place(matrix& a, std::span<double> b) {
    std::size_t const n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
        auto const row = a.row(i);
        for (std::size_t j = 0; j <= i; ++j) {
            auto const other = a.row(j);
            double rest = row[j];
            for (std::size_t k = 0; k < j; ++k) {
                rest -= row[k] * other[k];
            }
            row[j] = j == i ? std::sqrt(rest) : rest / other[j];
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            b[i] -= a.row(i)[k] * b[k];
        }
        b[i] /= a.row(i)[i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) {
            b[i] -= a.row(k)[i] * b[k];
        }
        b[i] /= a.row(i)[i];
    }
}

} // namespace examples
