// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ranges in, bytes out, and back: the count, then the elements; contiguous scalars in one piece. A
// count is believed only as far as the bytes go and the allowance (bytes.hpp) has room for its
// elements, and elements that are not scalars are made one by one as their bytes are read.

#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <iterator>
#include <ranges>
#include <string>
#include <type_traits>
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

/// What an element of a range is charged beyond its own bytes: those of the object, and of the node
/// that it lies in.
template <class Range>
inline constexpr std::size_t
    element_charge = sizeof(typename Range::value_type) +
                     (std::ranges::random_access_range<Range> ? 0 : 4 * sizeof(void*));

// Unordered containers. Who chooses the keys can have all of them in one bucket, where each insertion
// compares with all before it; so each is charged what it may be compared with. A range of equal keys
// is written in one piece, and is inserted behind one another without a search.

/// Whether a container holds several elements of one key.
template <class Range>
inline constexpr bool holds_equal_keys =
    std::is_same_v<decltype(std::declval<Range&>().insert(
                       std::declval<typename Range::value_type>())),
                   typename Range::iterator>;

template <class Range> auto const& key_of_element(auto const& element) noexcept {
    if constexpr (requires { typename Range::mapped_type; }) {
        return element.first;
    } else {
        return element;
    }
}

/// Writes the elements of a container, each by put(element).
template <class Sink, class Range, class Put>
void put_unordered(Sink& sink, Range const& range, Put const& put) {
    std::size_t bucket = 0;
    std::size_t before = 0; // in the bucket
    auto last = range.end();
    for (auto each = range.begin(); each != range.end(); last = each++) {
        std::size_t const start = sink.size();
        put(*each);
        auto const& key = key_of_element<Range>(*each);
        std::size_t const its = range.bucket(key);
        before = last != range.end() && its == bucket ? before : 0;
        bucket = its;
        bool const is_equal = holds_equal_keys<Range> && before != 0 &&
                              range.key_eq()(key_of_element<Range>(*last), key);
        sink.charge(is_equal ? 0 : before, sink.size() - start);
        ++before;
    }
}

/// Reads as many elements into an empty container, each by take().
///
/// Throws:         malformed, for keys that collide and for two of one key where there is only one
template <class Source, class Range, class Take>
void take_unordered(Source& source, Range& range, std::size_t count, Take const& take) {
    auto last = range.end();
    for (; count > 0; --count) {
        std::size_t const start = source.left();
        auto element = take();
        auto const& key = key_of_element<Range>(element);
        bool const is_equal = holds_equal_keys<Range> && !range.empty() &&
                              range.key_eq()(key_of_element<Range>(*last), key);
        if (!range.empty() && !is_equal) {
            source.charge(range.bucket_size(range.bucket(key)), start - source.left());
        }
        std::size_t const size = range.size();
        last = range.insert(last, std::move(element));
        if (range.size() == size) {
            throw malformed();
        }
    }
}

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
            sink.charge(count, element_charge<Range>);
            if constexpr (is_unordered_range<Range>) {
                put_unordered(sink, range, [&](auto const& value) { put_value(sink, value); });
            } else {
                for (auto const& value : range) {
                    put_value(sink, static_cast<typename Range::value_type const&>(value));
                }
            }
        }
    }

    template <class Source> static Range load(Source& source) {
        Range range;
        if constexpr (in_one_piece) {
            std::size_t const count = source.take_count(sizeof(element));
            range.resize(count);
            source.take_bytes(range.data(), count * sizeof(element));
        } else {
            std::size_t count = source.take_count();
            source.charge(count, element_charge<Range>);
            if constexpr (is_unordered_range<Range>) {
                take_unordered(source, range, count, [&] { return take_value<element>(source); });
            } else if constexpr (is_forward_list<Range>) {
                for (auto last = range.before_begin(); count > 0; --count) {
                    last = range.insert_after(last, take_value<element>(source));
                }
            } else {
                if constexpr (requires { range.reserve(count); }) {
                    range.reserve(count);
                }
                for (; count > 0; --count) {
                    range.insert(range.end(), take_value<element>(source));
                }
            }
        }
        return range;
    }
};

} // namespace memo::detail
