// SPDX-License-Identifier: BSL-1.0
#pragma once

// Optional, variant, chrono, paths and owning pointers in, words out.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace memo::detail {

template <encodable T> struct own_encoder<std::optional<T>> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<T>;

    template <class Sink> static void encode(Sink& sink, std::optional<T> const& value) {
        sink.put(value.has_value() ? 1 : 0);
        if (value) {
            detail::encode(sink, *value);
        }
    }
};

template <encodable... Alternatives> struct own_encoder<std::variant<Alternatives...>> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = (false || ... || detail::needs_archive<Alternatives>);

    template <class Sink>
    static void encode(Sink& sink, std::variant<Alternatives...> const& value) {
        sink.put(static_cast<std::uint64_t>(value.index()));
        if (!value.valueless_by_exception()) {
            std::visit([&](auto const& alternative) { detail::encode(sink, alternative); }, value);
        }
    }
};

// A duration is its count of ticks; the tick is in the type, so 1 s and 1 ms differ by the key's
// scope.
template <encodable Count, class Period> struct own_encoder<std::chrono::duration<Count, Period>> {
    static constexpr std::size_t words = words_of<Count>;
    static constexpr bool needs_archive = false;

    template <class Sink>
    static void encode(Sink& sink, std::chrono::duration<Count, Period> const& value) {
        detail::encode(sink, value.count());
    }
};

template <class Clock, encodable Duration>
struct own_encoder<std::chrono::time_point<Clock, Duration>> {
    static constexpr std::size_t words = words_of<Duration>;
    static constexpr bool needs_archive = false;

    template <class Sink>
    static void encode(Sink& sink, std::chrono::time_point<Clock, Duration> const& value) {
        detail::encode(sink, value.time_since_epoch());
    }
};

/// std::filesystem::path, recognised by its shape: <filesystem> costs every user 0.2 s of compile
/// time. A class that derives from it makes paths, not itself, and may hold more than a spelling.
template <class T>
concept path_like = requires(T const& path) {
    { T::preferred_separator } -> std::convertible_to<typename T::value_type>;
    { path.native() } -> std::same_as<std::basic_string<typename T::value_type> const&>;
    { path.lexically_normal() } -> std::same_as<T>;
};

// A path is its spelling: "a/b" and "a//b" are two names, and nothing looks into the file.
template <path_like Path> struct own_encoder<Path> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink& sink, Path const& path) {
        detail::encode(sink, path.native());
    }
};

// Owning pointers are what they point to; null is a value. What a base-class pointer points to is
// written by cereal's registry of polymorphic types, see types/polymorphic.hpp.
template <encodable T, class Deleter>
    requires(!std::is_polymorphic_v<T> && !std::is_array_v<T>)
struct own_encoder<std::unique_ptr<T, Deleter>> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<T>;

    template <class Sink> static void encode(Sink& sink, std::unique_ptr<T, Deleter> const& value) {
        sink.put(value ? 1 : 0);
        if (value) {
            detail::encode(sink, *value);
        }
    }
};

// Shared pointers may share and may form circles: the archive numbers them in order of appearance
// and writes each pointee once.
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

} // namespace memo::detail
