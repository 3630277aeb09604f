// SPDX-License-Identifier: BSL-1.0
#pragma once

// Estimates the bytes that a value owns outside of itself, for bounds in bytes: without the
// overhead of the allocator, and saturated at the largest std::size_t.

#include <memo/detail/key/foreign_types.hpp>
#include <memo/detail/saturated.hpp>
#include <memo/detail/types/parts.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <type_traits>

namespace memo::detail {

/// A type for which the user wrote `std::size_t memo_footprint(T const&)`, in bytes. Found by
/// argument-dependent lookup.
template <class T>
concept has_custom_footprint = requires(T const& value) {
    { memo_footprint(value) } -> std::convertible_to<std::size_t>;
};

/// A dense matrix of Eigen. Only vectors among them are ranges.
template <class T>
concept dense_matrix = eigen_type<T> && requires(T const& value) {
    { value.data() } -> std::same_as<typename T::Scalar const*>;
};

template <class T> [[nodiscard]] std::size_t footprint(T const& value);

template <class T> std::size_t footprint(T const& value) {
    if constexpr (has_custom_footprint<T>) {
        return memo_footprint(value);
    } else if constexpr (product_type<T>) {
        std::size_t bytes = 0;
        product<T>::for_each(
            value, [&](auto const& part) { bytes = saturated_sum(bytes, footprint(part)); });
        return bytes;
    } else if constexpr (sum_type<T>) {
        std::size_t bytes = 0;
        sum<T>::visit(value, [&](auto const& part) {
            bytes = saturated_sum(sum<T>::heap_bytes, footprint(part));
        });
        return bytes;
    } else if constexpr (dense_matrix<T>) {
        constexpr bool is_inside = T::MaxSizeAtCompileTime >= 0; // Eigen::Dynamic is -1
        return is_inside ? 0
                         : saturated_product(static_cast<std::size_t>(value.size()),
                                             sizeof(typename T::Scalar));
    } else if constexpr (std::ranges::sized_range<T const> && !std::ranges::view<T>) {
        using element = std::ranges::range_value_t<T const>;
        auto bytes =
            saturated_product(static_cast<std::size_t>(std::ranges::size(value)), sizeof(element));
        if constexpr (std::is_same_v<std::ranges::range_reference_t<T const>, T const&>) {
            // A JSON scalar is a range whose only element is the scalar itself: do not recurse.
            if (bytes != 0 && std::addressof(*std::ranges::begin(value)) == std::addressof(value)) {
                return 0;
            }
        }
        if constexpr (!std::is_trivially_copyable_v<element>) {
            for (auto const& part : value) {
                bytes = saturated_sum(bytes, footprint(part));
            }
        }
        return bytes;
    } else if constexpr (requires {
                             typename T::element_type;
                             value.get();
                             *value;
                         }) {
        if constexpr (requires { footprint(*value); }) {
            return value ? saturated_sum(sizeof(*value), footprint(*value)) : 0;
        } else {
            return 0;
        }
    } else {
        return 0;
    }
}

} // namespace memo::detail
