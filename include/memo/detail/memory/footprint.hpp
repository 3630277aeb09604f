// SPDX-License-Identifier: BSL-1.0
#pragma once

// A value in; the bytes that it holds outside of itself out. For bounds in bytes: an estimate,
// without the allocator's overhead. What is more than a std::size_t can hold is its largest.

#include <memo/detail/saturated.hpp>
#include <memo/detail/types/parts.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <ranges>
#include <type_traits>

namespace memo::detail {

/// A user's own answer, found by argument-dependent lookup: `std::size_t memo_footprint(T const&)`,
/// bytes.
template <class T>
concept tells_footprint = requires(T const& value) {
    { memo_footprint(value) } -> std::convertible_to<std::size_t>;
};

template <class T> [[nodiscard]] std::size_t footprint(T const& value);

template <class T> std::size_t footprint(T const& value) {
    if constexpr (tells_footprint<T>) {
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
    } else if constexpr (std::ranges::sized_range<T const> && !std::ranges::view<T>) {
        using element = std::ranges::range_value_t<T const>;
        auto bytes =
            saturated_product(static_cast<std::size_t>(std::ranges::size(value)), sizeof(element));
        if constexpr (std::is_same_v<std::ranges::range_reference_t<T const>, T const&>) {
            // A JSON type is a range of itself: a scalar has one element, which is the scalar.
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
