// SPDX-License-Identifier: BSL-1.0
#pragma once

// One value in, bytes out, and back. `own_codec<T>` says how for the types that the library knows:
// scalars, products and sums here, the rest in codec_vocabulary.hpp and codec_ranges.hpp. A type
// without one goes through its cereal functions, see codec.hpp.
//
// A codec has
//   plain             whether no code of the user runs: a plain record may be read where it lies
//   save(sink, v)     appends the bytes of v, at least one
//   load(source)      gives the value back, or throws malformed
//
// Every value takes at least one byte, so a count of values is never larger than the bytes that are
// left: no count makes the reader allocate what the bytes cannot fill.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
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

/// Parts of a record may be const; what is stored is the same.
template <class T> using codec_of = codec<std::remove_const_t<T>>;

template <class T>
concept codable = requires {
    sizeof(codec_of<T>);
};

// Not named save and load: cereal looks for functions of these names beside its archives.
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
            return take_flag(source);
        } else {
            return source.template take<T>();
        }
    }
};

template <class T>
    requires std::is_empty_v<T> && std::is_trivially_copyable_v<T> &&
        std::is_default_constructible_v<T>
struct own_codec<T> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, T const&) { sink.put(std::uint8_t{0}); }
    template <class Source> static T load(Source& source) {
        if (source.template take<std::uint8_t>() != 0) {
            throw malformed();
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

// Products. Braces make the parts load in order.

template <codable First, codable Second> struct own_codec<std::pair<First, Second>> {
    static constexpr bool plain = all_plain<First, Second>;

    template <class Sink> static void save(Sink& sink, std::pair<First, Second> const& value) {
        put_value(sink, value.first);
        put_value(sink, value.second);
    }
    template <class Source> static std::pair<First, Second> load(Source& source) {
        return std::pair<First, Second>{take_value<First>(source), take_value<Second>(source)};
    }
};

template <codable First, codable... Rest> struct own_codec<std::tuple<First, Rest...>> {
    static constexpr bool plain = all_plain<First, Rest...>;

    template <class Sink> static void save(Sink& sink, std::tuple<First, Rest...> const& value) {
        std::apply([&](auto const&... part) { (put_value(sink, part), ...); }, value);
    }
    template <class Source> static std::tuple<First, Rest...> load(Source& source) {
        return std::tuple<First, Rest...>{take_value<First>(source), take_value<Rest>(source)...};
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

template <codable T> struct own_codec<std::optional<T>> {
    static constexpr bool plain = all_plain<T>;

    template <class Sink> static void save(Sink& sink, std::optional<T> const& value) {
        sink.put(std::uint8_t{value.has_value()});
        if (value) {
            put_value(sink, *value);
        }
    }
    template <class Source> static std::optional<T> load(Source& source) {
        if (!take_flag(source)) {
            return std::nullopt;
        }
        return std::optional<T>(take_value<T>(source));
    }
};

template <codable... Alternatives> struct own_codec<std::variant<Alternatives...>> {
    static constexpr bool plain = all_plain<Alternatives...>;
    using type = std::variant<Alternatives...>;

    /// Throws: std::bad_variant_access for a variant without a value
    template <class Sink> static void save(Sink& sink, type const& value) {
        std::visit(
            [&](auto const& alternative) {
                sink.put(static_cast<std::uint32_t>(value.index()));
                put_value(sink, alternative);
            },
            value);
    }
    template <class Source> static type load(Source& source) {
        return load_from<0>(source, source.template take<std::uint32_t>());
    }

  private:
    template <std::size_t Index, class Source>
    static type load_from(Source& source, std::size_t index) {
        if constexpr (Index == sizeof...(Alternatives)) {
            throw malformed();
        } else if (index == Index) {
            return type(std::in_place_index<Index>,
                        take_value<std::variant_alternative_t<Index, type>>(source));
        } else {
            return load_from<Index + 1>(source, index);
        }
    }
};

} // namespace memo::detail
