// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ranges in, words out: the count, then the elements. Contiguous scalars follow as bytes, several
// to a word; unordered containers as the sorted digests of their elements, so that the order of
// iteration never shows.
//
// Only the standard containers themselves are taken. A class that derives from one, or that merely
// can be iterated, may hold more than its elements (a matrix and its shape): it must say what it is
// by a serialize() of its own.

#include <memo/detail/key/encode.hpp>

#include <algorithm>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_ordered_range = false;
template <class T> inline constexpr bool is_unordered_range = false;

template <class T, class A> inline constexpr bool is_ordered_range<std::vector<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::deque<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::list<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::forward_list<T, A>> = true;
template <class T, std::size_t N> inline constexpr bool is_ordered_range<std::span<T, N>> = true;
template <class C, class T, class A>
inline constexpr bool is_ordered_range<std::basic_string<C, T, A>> = true;
template <class C, class T>
inline constexpr bool is_ordered_range<std::basic_string_view<C, T>> = true;
template <class K, class C, class A>
inline constexpr bool is_ordered_range<std::set<K, C, A>> = true;
template <class K, class C, class A>
inline constexpr bool is_ordered_range<std::multiset<K, C, A>> = true;
template <class K, class V, class C, class A>
inline constexpr bool is_ordered_range<std::map<K, V, C, A>> = true;
template <class K, class V, class C, class A>
inline constexpr bool is_ordered_range<std::multimap<K, V, C, A>> = true;

template <class K, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_set<K, H, E, A>> = true;
template <class K, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_multiset<K, H, E, A>> = true;
template <class K, class V, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_map<K, V, H, E, A>> = true;
template <class K, class V, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_multimap<K, V, H, E, A>> = true;

/// Whether the types of a container's comparator, hash and equality say all of them. They are in the
/// key's scope then; a state would be in the container alone.
template <class T> consteval bool compares_by_type() {
    if constexpr (requires { typename T::key_compare; }) {
        return std::is_empty_v<typename T::key_compare>;
    } else if constexpr (requires { typename T::hasher; }) {
        return std::is_empty_v<typename T::hasher> && std::is_empty_v<typename T::key_equal>;
    } else {
        return true;
    }
}

template <class T>
    requires is_ordered_range<T> || is_unordered_range<T>
inline constexpr bool compares_by_state<T> = !compares_by_type<T>();

/// A range that does not own its elements.
template <class T> inline constexpr bool is_view = false;
template <class T, std::size_t N> inline constexpr bool is_view<std::span<T, N>> = true;
template <class C, class T> inline constexpr bool is_view<std::basic_string_view<C, T>> = true;

template <class T> inline constexpr bool is_writable_span = false;
template <class T, std::size_t N>
inline constexpr bool is_writable_span<std::span<T, N>> = !std::is_const_v<T>;

/// Whether T derives from one of the standard containers without being one.
template <class T>
concept derives_from_container = std::is_class_v<T> && !is_ordered_range<T> &&
                                 !is_unordered_range<T> && requires(T const& value) {
    typename T::value_type;
    typename T::allocator_type;
    value.get_allocator();
};

/// A range whose elements are taken as the bytes they are.
template <class Range>
concept range_of_bytes = std::ranges::contiguous_range<Range const> &&
    bulk_scalar<std::ranges::range_value_t<Range const>>;

template <class Sink, class Range> void encode_elements(Sink& sink, Range const& range) {
    using element = std::ranges::range_value_t<Range const>;
    if constexpr (range_of_bytes<Range>) {
        sink.put_bytes(std::ranges::data(range), std::ranges::size(range) * sizeof(element));
    } else {
        for (auto const& value : range) {
            detail::encode(sink, static_cast<element const&>(value)); // vector<bool> yields proxies
        }
    }
}

template <class Range>
    requires(is_ordered_range<Range> && !compares_by_state<Range> &&
             encodable<std::ranges::range_value_t<Range const>>)
struct own_encoder<Range> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive =
        detail::needs_archive<std::ranges::range_value_t<Range const>>;

    template <class Sink> static void encode(Sink& sink, Range const& range) {
        sink.put(static_cast<std::uint64_t>(std::ranges::distance(range)));
        encode_elements(sink, range);
    }
    static std::size_t bytes_in(Range const& range) noexcept requires range_of_bytes<Range> {
        return std::ranges::size(range) * sizeof(std::ranges::range_value_t<Range const>);
    }
};

/// Writes the count of the digests, then the digests in ascending order.
///
/// Digests         std::vector<key128>; a parameter, so that its sort is compiled where it is needed only
template <class Sink, class Digests> void encode_digests(Sink& sink, Digests& digests) {
    std::sort(digests.begin(), digests.end());
    sink.put(digests.size());
    for (key128 const digest : digests) {
        sink.put(digest.low);
        sink.put(digest.high);
    }
}

/// The digest of one element by itself. Defined in archive.hpp, where every kind of element is
/// known.
template <class T> [[nodiscard]] key128 digest_of(T const& value);

template <class Range>
    requires(is_unordered_range<Range> && !compares_by_state<Range> &&
             encodable<std::ranges::range_value_t<Range const>>)
struct own_encoder<Range> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive =
        detail::needs_archive<std::ranges::range_value_t<Range const>>;

    template <class Sink> static void encode(Sink& sink, Range const& range) {
        std::vector<key128> digests;
        digests.reserve(range.size());
        for (auto const& value : range) {
            digests.push_back(digest_of(value));
        }
        encode_digests(sink, digests);
    }
};

} // namespace memo::detail
