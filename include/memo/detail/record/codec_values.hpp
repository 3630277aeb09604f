// SPDX-License-Identifier: BSL-1.0
#pragma once

// The codecs of values. The library specializes `own_codec<T>` for standard types, by the
// descriptions in types/parts.hpp; codec_ranges.hpp has the ranges, codec_vocabulary.hpp shared
// pointers and index sets. Other types are encoded by their cereal functions, see codec.hpp.
//
// A codec has plain whether no code of the user runs: a plain record may be decoded in place, from
// mapped memory save(sink, v) appends the bytes of v, at least one load(source) returns the value,
// or throws malformed_record
//
// Every value has at least one byte, so a valid count never exceeds the remaining bytes, and no
// count makes the decoder allocate more than the bytes can fill.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/types/parts.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

namespace memo::detail {

template <class T> struct own_codec;

template <class T>
concept own_codable = requires {
    sizeof(own_codec<T>);
};

template <class T> struct codec;

template <own_codable T> struct codec<T> : own_codec<T> {};

/// The codec of a part, which may be const.
template <class T> using codec_of = codec<std::remove_const_t<T>>;

template <class T>
concept codable = requires {
    sizeof(codec_of<T>);
};

// Not named save and load: cereal finds functions of these names by argument-dependent lookup.
template <class Sink, class T> void put_value(Sink& sink, T const& value) {
    codec_of<T>::save(sink, value);
}

template <class T, class Source> [[nodiscard]] auto take_value(Source& source) {
    return codec_of<T>::load(source);
}

template <class... Ts> inline constexpr bool all_plain = (true && ... && codec_of<Ts>::plain);

template <word_scalar T> struct own_codec<T> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, T value) { sink.put(value); }
    template <class Source> static T load(Source& source) {
        if constexpr (std::is_same_v<T, bool>) {
            return take_bool(source);
        } else {
            return source.template take<T>();
        }
    }
};

template <class T>
    requires(
        std::is_empty_v<T>&& std::is_trivially_copyable_v<T>&& std::is_default_constructible_v<T> &&
        !product_type<T>)
struct own_codec<T> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, T const&) { sink.put(std::uint8_t{0}); }
    template <class Source> static T load(Source& source) {
        if (source.template take<std::uint8_t>() != 0) {
            throw malformed_record();
        }
        return T{};
    }
};

template <> struct own_codec<key128> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, key128 value) {
        sink.put(value.low);
        sink.put(value.high);
    }
    template <class Source> static key128 load(Source& source) {
        auto const low = source.template take<std::uint64_t>();
        return {low, source.template take<std::uint64_t>()};
    }
};

template <transparent_type T>
    requires codable<typename transparent<T>::part>
struct own_codec<T> {
    using part = typename transparent<T>::part;
    static constexpr bool plain = all_plain<part>;

    template <class Sink> static void save(Sink& sink, T const& value) {
        put_value(sink, transparent<T>::get(value));
    }
    template <class Source> static T load(Source& source) {
        return transparent<T>::make(take_value<part>(source));
    }
};

/// The codecs of the types in a list.
template <class List> struct parts_codec;
template <class... Parts> struct parts_codec<type_list<Parts...>> {
    static constexpr bool codable = (true && ... && detail::codable<Parts>);
    static constexpr bool plain = all_plain<Parts...>;

    /// Braces, because they evaluate the parts in order.
    template <class T, class Source> static T load(Source& source) {
        return T{take_value<Parts>(source)...};
    }
};

template <class T>
    requires(product_type<T> && (parts_codec<typename product<T>::parts>::codable))
struct own_codec<T> {
    using all = parts_codec<typename product<T>::parts>;
    static constexpr bool plain = all::plain;

    template <class Sink> static void save(Sink& sink, T const& value) {
        product<T>::for_each(value, [&](auto const& part) { put_value(sink, part); });
    }
    template <class Source> static T load(Source& source) { return all::template load<T>(source); }
};

template <class T>
    requires(sum_type<T> && (parts_codec<typename sum<T>::parts>::codable))
struct own_codec<T> {
    using description = sum<T>;
    using index_type = typename description::index_type;
    static constexpr bool plain = parts_codec<typename description::parts>::plain;
    static constexpr bool can_be_empty = std::is_same_v<index_type, bool>;

    /// Throws: std::bad_variant_access for a variant without a value
    template <class Sink> static void save(Sink& sink, T const& value) {
        if (!can_be_empty && !description::holds(value)) {
            throw std::bad_variant_access();
        }
        put_value(sink, static_cast<index_type>(description::index(value)));
        charge(sink, description::holds(value));
        description::visit(value, [&](auto const& part) { put_value(sink, part); });
    }
    template <class Source> static T load(Source& source) {
        auto const index = take_value<index_type>(source);
        if constexpr (!can_be_empty) { // take_bool() has checked a flag
            if (index >= description::count) {
                throw malformed_record();
            }
        }
        charge(source, index != 0);
        return description::make(index, [&]<class Part>() { return take_value<Part>(source); });
    }

  private:
    template <class Bytes> static void charge(Bytes& bytes, bool has_part) {
        if constexpr (description::heap_bytes != 0) {
            bytes.charge(has_part ? 1 : 0, description::heap_bytes);
        }
    }
};

template <codable T, std::size_t Count>
    requires(Count > 0)
struct own_codec<std::array<T, Count>> {
    static constexpr bool plain = all_plain<T>;

    template <class Sink> static void save(Sink& sink, std::array<T, Count> const& value) {
        if constexpr (bulk_scalar<T>) {
            sink.put_bytes(value.data(), sizeof value);
        } else {
            for (auto const& element : value) {
                put_value(sink, element);
            }
        }
    }
    template <class Source> static std::array<T, Count> load(Source& source) {
        if constexpr (bulk_scalar<T>) {
            std::array<T, Count> value{};
            source.take_bytes(value.data(), sizeof value);
            return value;
        } else if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
            std::array<T, Count> value{};
            for (auto& element : value) {
                element = take_value<T>(source);
            }
            return value;
        } else {
            return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
                return std::array<T, Count>{(static_cast<void>(Index), take_value<T>(source))...};
            }
            (std::make_index_sequence<Count>{});
        }
    }
};

} // namespace memo::detail
