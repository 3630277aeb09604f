// SPDX-License-Identifier: BSL-1.0
#pragma once

// The codecs of shared pointers and index sets.

#include <memo/detail/key/words.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>
#include <memo/index_set.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace memo::detail {

// A shared pointer may be part of a cycle, so the archive numbers the pointees.
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
            throw malformed_record();
        }
        index_set set(count * 64);
        for (std::size_t word = 0; word < count; ++word) {
            auto bits = source.template take<std::uint64_t>();
            if (bits == 0 && word + 1 == count) {
                throw malformed_record(); // the last word of a set is not zero
            }
            for (; bits != 0; bits &= bits - 1) {
                set.insert(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
            }
        }
        return set;
    }
};

} // namespace memo::detail
