// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ranges in, bytes out, and back: the count, then the elements; contiguous scalars in one piece. A
// count is believed only as far as the bytes go, and elements that are not scalars are made one by
// one as their bytes are read.

#include <memo/key/encode_ranges.hpp>
#include <memo/record/bytes.hpp>
#include <memo/record/codec_values.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <iterator>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_forward_list = false;
template <class T, class A> inline constexpr bool is_forward_list<std::forward_list<T, A>> = true;

/// A range that can be made again of its elements: it has what they are compared by in its type.
template <class T>
concept owning_range = (is_ordered_range<T> || is_unordered_range<T>)&&!is_view<T> &&
                       !compares_by_state<T>;

/// What an element is loaded as: the keys of maps are const in the map.
template <class T> struct loaded_as { using type = T; };
template <class K, class V> struct loaded_as<std::pair<K const, V>> {
    using type = std::pair<K, V>;
};

template <owning_range Range>
    requires codable<typename Range::value_type>
struct own_codec<Range> {
    using element = typename loaded_as<typename Range::value_type>::type;

    static constexpr bool plain = all_plain<element>;
    static constexpr bool in_one_piece =
        bulk_scalar<element> && std::ranges::contiguous_range<Range const>;

    template <class Sink> static void save(Sink& sink, Range const& range) {
        auto const count = static_cast<std::size_t>(std::ranges::distance(range));
        sink.put_count(count);
        if constexpr (in_one_piece) {
            sink.put_bytes(std::ranges::data(range), count * sizeof(element));
        } else {
            for (auto const& value : range) {
                put_value(sink, static_cast<typename Range::value_type const&>(value));
            }
        }
    }

    template <class Source> static Range load(Source& source) {
        Range range;
        if constexpr (in_one_piece) {
            std::size_t const count = source.take_count(sizeof(element));
            range.resize(count);
            source.take_bytes(range.data(), count * sizeof(element));
        } else if constexpr (is_forward_list<Range>) {
            auto last = range.before_begin();
            for (std::size_t count = source.take_count(); count > 0; --count) {
                last = range.insert_after(last, take_value<element>(source));
            }
        } else {
            for (std::size_t count = source.take_count(); count > 0; --count) {
                range.insert(range.end(), take_value<element>(source));
            }
        }
        return range;
    }
};

} // namespace memo::detail
