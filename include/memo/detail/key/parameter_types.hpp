// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes memo's own parameter types (ignored, as_set, index_set), and detects types that contain views.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/types/parts.hpp>
#include <memo/index_set.hpp>
#include <memo/parameters.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_ignored = false;
template <class T> inline constexpr bool is_ignored<ignored<T>> = true;
template <class T> inline constexpr bool is_as_set = false;
template <class Range> inline constexpr bool is_as_set<as_set<Range>> = true;

template <class T> struct own_encoder<ignored<T>> {
    static constexpr std::size_t words = 0;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink&, ignored<T> const&) noexcept {}
};

template <class Range>
inline constexpr bool compares_by_state<as_set<Range>> = compares_by_state<Range>;

// Integers in ascending order; other elements as ascending digests.
template <class Range>
    requires(!compares_by_state<Range> && encodable<std::ranges::range_value_t<Range const>>)
struct own_encoder<as_set<Range>> {
    using element = std::ranges::range_value_t<Range const>;
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<element>;

    template <class Sink> static void encode(Sink& sink, as_set<Range> const& set) {
        if constexpr (std::integral<element> && !std::same_as<element, bool>) {
            std::vector<element> values(set.begin(), set.end());
            if (!is_ascending(values)) {
                sort(values);
            }
            detail::encode(sink, values);
        } else {
            std::vector<key128> digests;
            for (auto const& value : set) {
                digests.push_back(digest_of_element(sink, &set, value));
            }
            sort_distinct(digests);
            encode_digests(sink, digests);
        }
    }

  private:
    static constexpr std::uint64_t sign = std::is_signed_v<element> ? std::uint64_t{1} << 63 : 0;

    /// A word that has the place of the value in the order of all values. A character has the place of its
    /// word, whether char and wchar_t are signed or not.
    static constexpr std::uint64_t place_of(element value) noexcept {
        return word_from(value) ^ sign;
    }

    /// Whether the values are sorted and distinct.
    static bool is_ascending(std::vector<element> const& values) {
        for (std::size_t i = 1; i < values.size(); ++i) {
            if (!(place_of(values[i - 1]) < place_of(values[i]))) {
                return false;
            }
        }
        return true;
    }

    /// Sorts, and erases duplicates.
    static void sort(std::vector<element>& values) {
        std::vector<std::uint64_t> sorted;
        sorted.reserve(values.size());
        for (element const value : values) {
            sorted.push_back(place_of(value));
        }
        sort_distinct(sorted);
        values.clear();
        for (std::uint64_t const place : sorted) {
            values.push_back(static_cast<element>(place ^ sign));
        }
    }
};

// The number of its words, then the words (docs/format.md, "index_set").
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

/// Whether values of T refer to memory that they do not own. Members of a user's class are not examined.
///
/// Around          types that contain T, and whose parts are examined: ends the recursion
template <class T, class... Around> consteval bool has_view() {
    if constexpr (std::is_reference_v<T> || is_view<std::remove_const_t<T>>) {
        return true;
    } else if constexpr ((false || ... || std::is_same_v<std::remove_const_t<T>, Around>)) {
        return false;
    } else if constexpr (is_ignored<std::remove_const_t<T>> || is_as_set<std::remove_const_t<T>>) {
        using inner = std::remove_cvref_t<decltype(std::declval<T const&>().get())>;
        return (is_as_set<std::remove_const_t<T>> && std::ranges::enable_view<inner>) ||
               has_view<inner>();
    } else {
        return []<class... Parts>(type_list<Parts...>) {
            return (false || ... || has_view<Parts, std::remove_const_t<T>, Around...>());
        }(parts_of<std::remove_const_t<T>>());
    }
}
template <class T> inline constexpr bool contains_view = has_view<T>();

} // namespace memo::detail
