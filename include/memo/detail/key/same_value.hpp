// SPDX-License-Identifier: BSL-1.0
#pragma once

// Two values of one type in, whether they are one value out.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/types/parts.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace memo::detail {

// The library's encoders and the standard's operators are declared for containers, products and pointers
// of anything, and fail to compile when they are used for the wrong thing. So one has to look inside;
// but not into a type that one is inside of already, as those of JSON are made of themselves.

/// Whether values of T can be written as an argument's words.
///
/// Around          types that T is a part of, which are looked into
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

/// Whether `==` of T compares values: not where they lie, as that of pointers does.
template <class T, class... Around> consteval bool has_equality() {
    if constexpr ((false || ... || std::same_as<T, Around>)) {
        return true;
    } else if constexpr (std::is_pointer_v<T> || requires { typename T::element_type; }) {
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

/// Whether same_value() has an answer for T.
template <class T> inline constexpr bool comparable = has_words<T>() || has_equality<T>();

/// Whether two values are the same: by `==`, or by the words that they would have as arguments. So a
/// NaN is like the NaN of the same bits, and pointers are compared by what they point to. Plain values
/// that have nothing but `==` are the same if their bytes are, too.
///
/// Complexity:     linear in the bytes of both
/// Throws:         what `==` or a serialize() throws
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
