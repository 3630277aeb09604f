// SPDX-License-Identifier: BSL-1.0
#pragma once

// Dense Eigen matrices, vectors and arrays as arguments and results, encoded as rows, columns, and the
// coefficients in column order for any storage order. Include it beside <memo/memo.hpp>; the CMake target is
// memo::eigen.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/detail/key/encode.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>

#include <Eigen/Core>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace memo::detail {

/// A matrix or array that owns its coefficients. Expressions do not match; evaluate them first.
template <class T>
concept eigen_matrix = std::derived_from<T, Eigen::PlainObjectBase<T>>;

template <eigen_matrix Matrix>
    requires encodable<typename Matrix::Scalar>
struct own_encoder<Matrix> {
    using scalar = typename Matrix::Scalar;

    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<scalar>;

    template <class Sink> static void encode(Sink& sink, Matrix const& matrix) {
        sink.put(static_cast<std::uint64_t>(matrix.rows()));
        sink.put(static_cast<std::uint64_t>(matrix.cols()));
        if constexpr (bulk_scalar<scalar> &&
                      (!Matrix::IsRowMajor || Matrix::IsVectorAtCompileTime)) {
            sink.put_bytes(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(scalar));
        } else if constexpr (bulk_scalar<scalar>) {
            // In column order, because the storage order is not part of the value.
            Eigen::Matrix<scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor> const columns =
                matrix;
            sink.put_bytes(columns.data(),
                           static_cast<std::size_t>(columns.size()) * sizeof(scalar));
        } else {
            for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
                for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
                    detail::encode(sink, matrix(row, column));
                }
            }
        }
    }
};

template <eigen_matrix Matrix>
    requires codable<typename Matrix::Scalar>
struct own_codec<Matrix> {
    using scalar = typename Matrix::Scalar;

    static constexpr bool plain = codec_of<scalar>::plain;

    template <class Sink> static void save(Sink& sink, Matrix const& matrix) {
        sink.put(static_cast<std::uint64_t>(matrix.rows()));
        sink.put(static_cast<std::uint64_t>(matrix.cols()));
        for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
            for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
                put_value(sink, static_cast<scalar const&>(matrix(row, column)));
            }
        }
    }

    template <class Source> static Matrix load(Source& source) {
        auto const rows = source.template take<std::uint64_t>();
        auto const columns = source.template take<std::uint64_t>();
        if (!fits(rows, Matrix::RowsAtCompileTime, Matrix::MaxRowsAtCompileTime) ||
            !fits(columns, Matrix::ColsAtCompileTime, Matrix::MaxColsAtCompileTime) ||
            (columns != 0 && rows > source.remaining() / columns)) {
            throw malformed_record();
        }
        Matrix matrix;
        matrix.resize(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
        for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
            for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
                matrix(row, column) = take_value<scalar>(source);
            }
        }
        return matrix;
    }

  private:
    // Whether the type can have this number of rows or columns. The limit of 2^31 bounds the number of rows of
    // a matrix without columns, which the remaining bytes do not bound.
    static bool fits(std::uint64_t count, int fixed, int max) {
        constexpr std::uint64_t limit = std::uint64_t{1} << 31U;
        return count < limit &&
               (fixed == Eigen::Dynamic || count == static_cast<std::uint64_t>(fixed)) &&
               (max == Eigen::Dynamic || count <= static_cast<std::uint64_t>(max));
    }
};

} // namespace memo::detail

#pragma GCC diagnostic pop
