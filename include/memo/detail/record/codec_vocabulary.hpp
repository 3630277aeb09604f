// SPDX-License-Identifier: BSL-1.0
#pragma once

// Chrono, paths, owning pointers and index sets in, bytes out, and back.

#include <memo/detail/key/encode_vocabulary.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_ranges.hpp>
#include <memo/detail/record/codec_values.hpp>
#include <memo/index_set.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

namespace memo::detail {

// A path is its spelling.
template <path_like Path> struct own_codec<Path> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, Path const& path) {
        put_value(sink, path.native());
    }
    template <class Source> static Path load(Source& source) {
        return Path(take_value<std::basic_string<typename Path::value_type>>(source));
    }
};

template <codable Count, class Period> struct own_codec<std::chrono::duration<Count, Period>> {
    static constexpr bool plain = true;
    using type = std::chrono::duration<Count, Period>;

    template <class Sink> static void save(Sink& sink, type value) {
        put_value(sink, value.count());
    }
    template <class Source> static type load(Source& source) {
        return type(take_value<Count>(source));
    }
};

template <class Clock, codable Duration>
struct own_codec<std::chrono::time_point<Clock, Duration>> {
    static constexpr bool plain = true;
    using type = std::chrono::time_point<Clock, Duration>;

    template <class Sink> static void save(Sink& sink, type value) {
        put_value(sink, value.time_since_epoch());
    }
    template <class Source> static type load(Source& source) {
        return type(take_value<Duration>(source));
    }
};

// Owning pointers are what they point to. A shared one that points to a class may be part of a
// circle, so its archive numbers it.

template <codable T, class Deleter>
    requires(!std::is_polymorphic_v<T> && !std::is_array_v<T>)
struct own_codec<std::unique_ptr<T, Deleter>> {
    static constexpr bool plain = all_plain<T>;

    template <class Sink> static void save(Sink& sink, std::unique_ptr<T, Deleter> const& value) {
        sink.put(std::uint8_t{value != nullptr});
        if (value) {
            sink.charge(1, sizeof(T));
            put_value(sink, *value);
        }
    }
    template <class Source> static std::unique_ptr<T, Deleter> load(Source& source) {
        if (!take_flag(source)) {
            return nullptr;
        }
        source.charge(1, sizeof(T));
        return std::unique_ptr<T, Deleter>(new T(take_value<T>(source)));
    }
};

template <class T>
    requires(!std::is_polymorphic_v<T> && !std::is_array_v<T> && !std::is_void_v<T>)
struct own_codec<std::shared_ptr<T>> {
    static constexpr bool plain = false;

    template <class Archive> static void save(Archive& archive, std::shared_ptr<T> const& value) {
        archive.put_shared(value);
    }
    template <class Archive> static std::shared_ptr<T> load(Archive& archive) {
        return archive.template take_shared<std::remove_const_t<T>>();
    }
};

template <> struct own_codec<index_set> {
    static constexpr bool plain = true;

    template <class Sink> static void save(Sink& sink, index_set const& set) {
        sink.put_count(set.words().size());
        sink.put_bytes(set.words().data(), set.words().size() * word_size);
    }
    template <class Source> static index_set load(Source& source) {
        std::size_t const count = source.take_count(word_size);
        if (count > index_set::limit / 64) {
            throw malformed();
        }
        index_set set(count * 64);
        for (std::size_t word = 0; word < count; ++word) {
            auto rest = source.template take<std::uint64_t>();
            if (rest == 0 && word + 1 == count) {
                throw malformed(); // the last word of a set is not zero
            }
            for (; rest != 0; rest &= rest - 1) {
                set.insert(word * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
            }
        }
        return set;
    }
};

} // namespace memo::detail
