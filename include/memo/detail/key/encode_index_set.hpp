// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes an index_set: the number of its words, then the words (docs/format.md, "index_set").

#include <memo/detail/key/encode.hpp>
#include <memo/index_set.hpp>

#include <cstddef>

namespace memo::detail {

template <> struct own_encoder<index_set> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink& sink, index_set const& set) {
        sink.put(set.words().size());
        sink.put_bytes(set.words().data(), bytes_in(set));
    }
    static std::size_t bytes_in(index_set const& set) noexcept {
        return set.words().size() * word_size;
    }
};

} // namespace memo::detail
