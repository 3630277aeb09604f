// SPDX-License-Identifier: BSL-1.0
#pragma once

// Compares two values of one type.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/foreign_types.hpp>
#include <memo/detail/types/parts.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace memo::detail {

// The library's encoders and the standard's operators are declared for containers, products and pointers of
// any type, and some fail to compile when they are used. So these traits examine the parts of a type. They
// stop at a type that contains itself, such as a type of JSON values.

/// Whether values of T can be encoded as words of a key.
///
/// Around          types that contain T, and whose parts are examined: ends the recursion
template <class T, class... Around> consteval bool has_words() {
    if constexpr ((false || ... || std::same_as<T, Around>)) {
        return true;
    } else if constexpr (encodable<T>) {
        return []<class... Parts>(type_list<Parts...>) {
            return (true && ... && has_words<Parts, T, Around...>());
        }(parts_of<T>());
    } else {
        return false;
    }
}

/// Whether T has an `==` that compares values, not addresses. That of Eigen's matrices requires equal sizes.
template <class T, class... Around> consteval bool has_equality() {
    if constexpr ((false || ... || std::same_as<T, Around>)) {
        return true;
    } else if constexpr (std::is_pointer_v<T> || eigen_type<T> ||
                         requires { typename T::element_type; }) {
        return false;
    } else {
        return []<class... Parts>(type_list<Parts...>) {
            if constexpr ((true && ... && has_equality<Parts, T, Around...>())) {
                return std::equality_comparable<T>;
            } else {
                return false;
            }
        }(parts_of<T>());
    }
}

/// Whether same_value() can compare values of T.
template <class T> inline constexpr bool comparable = has_words<T>() || has_equality<T>();

/// Whether two values are equal by `==`, or have equal words as arguments. So a NaN equals a NaN of the same
/// bits, and pointers are compared by their pointees. Trivially copyable values that cannot be encoded are
/// also equal if their bytes are.
///
/// Complexity:     linear in the bytes of both
/// Throws:         exceptions of `==` or a serialize()
template <class T> [[nodiscard]] bool same_value(T const& one, T const& other) {
    if constexpr (has_equality<T>()) {
        if (one == other) {
            return true;
        }
    }
    if constexpr (has_words<T>()) {
        return digest_of(one) == digest_of(other);
    } else if constexpr (std::is_trivially_copyable_v<T>) {
        using bytes = std::array<std::byte, sizeof(T)>;
        return std::bit_cast<bytes>(one) == std::bit_cast<bytes>(other);
    } else {
        return false;
    }
}

} // namespace memo::detail
