// SPDX-License-Identifier: BSL-1.0
#pragma once

// The codec of ranges: the count, then the elements; contiguous scalars in one copy. The source
// limits the count by its bytes and by the allowance (bytes.hpp), and elements that are not scalars
// are constructed one by one as their bytes are read.

#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <iterator>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_forward_list = false;
template <class T, class A> inline constexpr bool is_forward_list<std::forward_list<T, A>> = true;

/// A range that can be rebuilt from its elements: its comparator, hash and equality have no state.
template <class T>
concept owning_range = is_range<T> && !is_view<T> && !compares_by_state<T>;

/// The type by which an element is decoded: keys are const in a map.
template <class T> struct decoded_element { using type = T; };
template <class K, class V> struct decoded_element<std::pair<K const, V>> {
    using type = std::pair<K, V>;
};

/// The charge per element of a range: the size of the object and of its node.
template <class Range>
inline constexpr std::size_t
    element_charge = sizeof(typename Range::value_type) +
                     (std::ranges::random_access_range<Range> ? 0 : 4 * sizeof(void*));

// Unordered containers. Hostile keys may all fall into one bucket, where each insertion compares
// with all previous keys; so each insertion is charged for its bucket. Equal keys are adjacent in
// the bytes and are inserted with a hint, without a search.

/// Whether a container may hold several elements of one key.
template <class Range>
inline constexpr bool has_equal_keys =
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

/// Encodes the elements of a container, each by put(element).
template <class Sink, class Range, class Put>
void put_unordered(Sink& sink, Range const& range, Put const& put) {
    std::size_t bucket = 0;
    std::size_t position = 0; // in the bucket
    auto last = range.end();
    for (auto each = range.begin(); each != range.end(); last = each++) {
        std::size_t const start = sink.size();
        put(*each);
        auto const& key = key_of_element<Range>(*each);
        std::size_t const next_bucket = range.bucket(key);
        position = last != range.end() && next_bucket == bucket ? position : 0;
        bucket = next_bucket;
        bool const is_equal = has_equal_keys<Range> && position != 0 &&
                              range.key_eq()(key_of_element<Range>(*last), key);
        sink.charge(is_equal ? 0 : position, sink.size() - start);
        ++position;
    }
}

/// Decodes `count` elements into an empty container, each by take().
///
/// Throws:         malformed_record for keys that collide, and for a repeated key of a unique
///                 container
template <class Source, class Range, class Take>
void take_unordered(Source& source, Range& range, std::size_t count, Take const& take) {
    auto last = range.end();
    for (; count > 0; --count) {
        std::size_t const start = source.remaining();
        auto element = take();
        auto const& key = key_of_element<Range>(element);
        bool const is_equal = has_equal_keys<Range> && !range.empty() &&
                              range.key_eq()(key_of_element<Range>(*last), key);
        if (!range.empty() && !is_equal) {
            source.charge(range.bucket_size(range.bucket(key)), start - source.remaining());
        }
        std::size_t const size = range.size();
        last = range.insert(last, std::move(element));
        if (range.size() == size) {
            throw malformed_record();
        }
    }
}

template <owning_range Range>
    requires codable<typename Range::value_type>
struct own_codec<Range> {
    using element = typename decoded_element<typename Range::value_type>::type;

    static constexpr bool plain = all_plain<element>;
    static constexpr bool is_bulk =
        bulk_scalar<element> && std::ranges::contiguous_range<Range const>;

    template <class Sink> static void save(Sink& sink, Range const& range) {
        auto const count = static_cast<std::size_t>(std::ranges::distance(range));
        sink.put_count(count);
        if constexpr (is_bulk) {
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
        if constexpr (is_bulk) {
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
