// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes values as words of a key. `own_encoder<T>` encodes scalars and the types of types/parts.hpp; ranges
// are in encode_ranges.hpp. archive.hpp encodes other types by their cereal `serialize` or `save`; a type
// with neither cannot be an argument.
//
// Members of an encoder:
//   words             the number of words of every value of T, or `varying`
//   bytes_in(v)       only for a count followed by contiguous bytes: the number of these bytes
//   needs_archive     whether cereal encodes a part of T
//   encode(sink, v)   writes the words to the sink, a word stream, or an archive if needs_archive

#include <memo/detail/key/foreign_types.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/refusal.hpp>
#include <memo/detail/types/parts.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <type_traits>

namespace memo::detail {

inline constexpr std::size_t varying = (std::numeric_limits<std::size_t>::max)();

template <class T> struct own_encoder;

template <class T>
concept own_encodable = requires {
    sizeof(own_encoder<T>);
};

template <class T> struct encoder;

template <own_encodable T> struct encoder<T> : own_encoder<T> {};

template <class T>
concept encodable = requires {
    sizeof(encoder<std::remove_cvref_t<T>>);
};

template <class T> inline constexpr std::size_t words_of = encoder<std::remove_cvref_t<T>>::words;

template <class T>
inline constexpr bool needs_archive = encoder<std::remove_cvref_t<T>>::needs_archive;

/// Whether the function by which cereal would save T is one of a base of T. Specialized for classes in
/// archive.hpp, which includes cereal.
template <class T> inline constexpr bool saved_by_base = false;

/// Whether cereal finds several functions for saving T, and so uses none. Specialized in archive.hpp.
template <class T> inline constexpr bool saved_in_several_ways = false;

/// Refuses a class of which cereal would save or load only a part.
///
/// ByBase          whether the cereal function is one of a base class
template <class T, bool ByBase> constexpr void require_own_function() {
    if constexpr (ByBase) {
        refuse<mistake::key_by_base, T>();
    }
}

/// A type whose values are encoded as a count and contiguous bytes.
template <class T>
concept counted_bytes = requires(T const& value) {
    { encoder<T>::bytes_in(value) } -> std::same_as<std::size_t>;
};

/// The sum of the parts' words; `varying` if any part varies.
constexpr std::size_t sum_of_words(std::initializer_list<std::size_t> parts) noexcept {
    std::size_t sum = 0;
    for (std::size_t const part : parts) {
        if (part == varying) {
            return varying;
        }
        sum += part;
    }
    return sum;
}

/// The reason why T cannot be an argument.
///
/// T               without reference and const
template <class T> consteval mistake key_mistake() {
    using enum mistake;
    if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
        return key_of_pointer;
    } else if constexpr (std::is_same_v<T, long double>) {
        return key_of_long_double;
    } else if constexpr (saved_by_base<T>) {
        return key_by_base;
    } else if constexpr (saved_in_several_ways<T>) {
        return key_by_several;
    } else if constexpr (compares_by_state<T>) {
        return key_compares_by_state;
    } else if constexpr (own_encodable<T>) {
        return none;
    } else if constexpr (is_range<T> || product_type<T> || sum_type<T>) {
        return []<class... Parts>(type_list<Parts...>) {
            mistake found = none;
            static_cast<void>(
                (false || ... || ((found = key_mistake<std::remove_cvref_t<Parts>>()) != none)));
            return found == none && !encodable<T> ? key_of_unknown : found;
        }(parts_of<T>());
    } else {
        return encodable<T> ? none : mistake_of_foreign_type<T>();
    }
}

template <class Sink, class T> void encode(Sink& sink, T const& value) {
    if constexpr (encodable<T>) {
        encoder<T>::encode(sink, value);
    } else {
        refuse<key_mistake<T>(), T>();
    }
}

// Scalars: one word each. Floats are encoded by their bits, so -0.0 and 0.0 differ: distinct keys for equal
// values cost a miss, one key for different values would return a wrong result.

template <class T>
concept word_scalar = (std::is_arithmetic_v<T> && sizeof(T) <= word_size) || std::is_enum_v<T>;

template <word_scalar T> constexpr std::uint64_t word_from(T value) noexcept {
    if constexpr (std::is_enum_v<T>) {
        return word_from(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_floating_point_v<T>) { // C++23 adds 16-bit types
        using bits =
            std::conditional_t<sizeof(T) == 8, std::uint64_t,
                               std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;
        return std::bit_cast<bits>(value);
    } else if constexpr (std::is_same_v<T, char>) {
        return static_cast<unsigned char>(
            value); // char is signed on some processors, unsigned on others
    } else if constexpr (std::is_same_v<T, wchar_t>) {
        return static_cast<std::uint32_t>(value); // likewise
    } else {
        return static_cast<std::uint64_t>(value); // sign-extended if signed
    }
}

template <word_scalar T> struct own_encoder<T> {
    static constexpr std::size_t words = 1;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink& sink, T value) { sink.put(word_from(value)); }
};

// Types with a single value: no words, because the type is in the key's scope.

template <class T>
    requires(std::is_empty_v<T>&& std::is_trivially_copyable_v<T> && !product_type<T>)
struct own_encoder<T> {
    static constexpr std::size_t words = 0;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink&, T const&) noexcept {}
};

template <> struct own_encoder<std::nullptr_t> {
    static constexpr std::size_t words = 0;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink&, std::nullptr_t) noexcept {}
};

template <> struct own_encoder<key128> {
    static constexpr std::size_t words = 2;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink& sink, key128 value) {
        sink.put(value.low);
        sink.put(value.high);
    }
};

template <transparent_type T>
    requires encodable<typename transparent<T>::part>
struct own_encoder<T> {
    using part = typename transparent<T>::part;
    static constexpr std::size_t words = words_of<part>;
    static constexpr bool needs_archive = detail::needs_archive<part>;

    template <class Sink> static void encode(Sink& sink, T const& value) {
        detail::encode(sink, transparent<T>::get(value));
    }
};

/// The traits of an encoder for a list of parts.
template <class List> struct parts_encoder;
template <class... Parts> struct parts_encoder<type_list<Parts...>> {
    static constexpr bool encodable = (true && ... && detail::encodable<Parts>);
    static constexpr std::size_t words = sum_of_words({words_of<Parts>...});
    static constexpr bool needs_archive = (false || ... || detail::needs_archive<Parts>);
};

template <class T>
    requires(product_type<T> && (parts_encoder<typename product<T>::parts>::encodable))
struct own_encoder<T> {
    using all = parts_encoder<typename product<T>::parts>;
    static constexpr std::size_t words = all::words;
    static constexpr bool needs_archive = all::needs_archive;

    template <class Sink> static void encode(Sink& sink, T const& value) {
        product<T>::for_each(value, [&](auto const& part) { detail::encode(sink, part); });
    }
};

// The index of the active part, then the part.
template <class T>
    requires(sum_type<T> && (parts_encoder<typename sum<T>::parts>::encodable))
struct own_encoder<T> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = parts_encoder<typename sum<T>::parts>::needs_archive;

    template <class Sink> static void encode(Sink& sink, T const& value) {
        sink.put(sum<T>::index(value));
        sum<T>::visit(value, [&](auto const& part) { detail::encode(sink, part); });
    }
};

// Shared pointers may share pointees and form cycles, so the archive numbers the pointees in order of
// appearance, and writes each one once.
template <class T>
    requires(!std::is_polymorphic_v<T> && !std::is_array_v<T> && !std::is_void_v<T>)
struct own_encoder<std::shared_ptr<T>> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = true;

    template <class Archive> static void encode(Archive& archive, std::shared_ptr<T> const& value) {
        if (archive.put_shared(value)) {
            detail::encode(archive, *value);
        }
    }
};

// Arrays: the length is in the type. Scalars are encoded as bytes, several to a word.

template <class T>
concept bulk_scalar = word_scalar<T> && !std::is_same_v<T, bool>;

template <class T, std::size_t Count> struct array_encoder {
    static constexpr bool bulk = bulk_scalar<T>;
    static constexpr bool needs_archive = detail::needs_archive<T>;
    static constexpr std::size_t words = [] {
        if constexpr (bulk) {
            return words_for(Count * sizeof(T));
        } else {
            return words_of<T> == varying ? varying : Count * words_of<T>;
        }
    }();

    template <class Sink> static void encode(Sink& sink, T const* elements) {
        if constexpr (bulk) {
            sink.put_bytes(elements, Count * sizeof(T));
        } else {
            for (std::size_t i = 0; i < Count; ++i) {
                detail::encode(sink, elements[i]);
            }
        }
    }
};

template <encodable T, std::size_t Count>
struct own_encoder<std::array<T, Count>> : array_encoder<T, Count> {
    template <class Sink> static void encode(Sink& sink, std::array<T, Count> const& value) {
        array_encoder<T, Count>::encode(sink, value.data());
    }
};

template <encodable T, std::size_t Count> struct own_encoder<T[Count]> : array_encoder<T, Count> {};

} // namespace memo::detail
