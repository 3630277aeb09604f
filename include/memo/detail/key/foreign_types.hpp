// SPDX-License-Identifier: BSL-1.0
#pragma once

// Recognises types that users try as arguments or results, by their members, because their headers are not
// included.

#include <memo/detail/refusal.hpp>
#include <memo/detail/types/parts.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <typeinfo>

namespace memo::detail {

template <class T> inline constexpr bool is_std_function = false;
template <class R, class... P> inline constexpr bool is_std_function<std::function<R(P...)>> = true;

template <class T> inline constexpr bool is_unique_ptr = false;
template <class T, class Deleter>
inline constexpr bool is_unique_ptr<std::unique_ptr<T, Deleter>> = true;

template <class T>
concept future_like = requires(T& future) {
    future.get();
    future.wait();
    { future.valid() } -> std::same_as<bool>;
};

template <class T>
concept any_like = requires(T const& value) {
    { value.has_value() } -> std::same_as<bool>;
    { value.type() } -> std::same_as<std::type_info const&>;
};

template <class T>
concept stream_like = requires(T& stream) {
    typename T::traits_type;
    stream.rdbuf();
};

/// A matrix of Eigen, or an expression of matrices.
template <class T>
concept eigen_type = requires {
    typename T::PlainObject;
    typename T::StorageKind;
    T::RowsAtCompileTime;
};

template <class T>
concept eigen_expression = eigen_type<T> && !std::same_as<T, typename T::PlainObject>;

/// The reason why a type that no encoder knows, or a part of it, cannot be an argument.
template <class T> consteval mistake mistake_of_foreign_type() {
    using enum mistake;
    return is_std_function<T>    ? key_of_callable
           : any_like<T>         ? key_of_any
           : stream_like<T>      ? key_of_stream
           : eigen_expression<T> ? key_of_eigen_expression
           : eigen_type<T>       ? key_of_eigen_matrix
                                 : key_of_unknown;
}

} // namespace memo::detail
