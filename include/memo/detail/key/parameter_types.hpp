// SPDX-License-Identifier: BSL-1.0
#pragma once

// How memo::ignored and memo::as_set are encoded, and which types look at what they do not own.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/parameters.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_ignored = false;
template <class T> inline constexpr bool is_ignored<ignored<T>> = true;

template <class T> struct own_encoder<ignored<T>> {
    static constexpr std::size_t words = 0;
    static constexpr bool needs_archive = false;

    template <class Sink> static void encode(Sink&, ignored<T> const&) noexcept {}
};

template <class Range>
inline constexpr bool compares_by_state<as_set<Range>> = compares_by_state<Range>;

// Integers ascending, everything else by digest.
template <class Range>
    requires(!compares_by_state<Range> && encodable<std::ranges::range_value_t<Range const>>)
struct own_encoder<as_set<Range>> {
    using element = std::ranges::range_value_t<Range const>;
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<element>;

    template <class Sink> static void encode(Sink& sink, as_set<Range> const& set) {
        if constexpr (std::integral<element> && !std::same_as<element, bool>) {
            std::vector<element> values(set.begin(), set.end());
            detail::encode(sink, distinct(values));
        } else {
            std::vector<key128> digests;
            for (auto const& value : set) {
                digests.push_back(digest_of(value));
            }
            encode_digests(sink, distinct(digests));
        }
    }

  private:
    template <class Vector> static Vector& distinct(Vector& values) {
        if (!std::ranges::is_sorted(values)) {
            std::ranges::sort(values);
        }
        values.erase(std::unique(values.begin(), values.end()), values.end());
        return values;
    }
};

/// Whether a value looks at what it does not own, as far as its type tells: what is in a class of a
/// user is not seen.
template <class T> inline constexpr bool looks_elsewhere = is_view<T>;
template <class T> inline constexpr bool looks_elsewhere<T const> = looks_elsewhere<T>;
template <class T> inline constexpr bool looks_elsewhere<T&> = true;
template <class T, class U>
inline constexpr bool looks_elsewhere<std::pair<T, U>> = looks_elsewhere<T> || looks_elsewhere<U>;
template <class... Ts>
inline constexpr bool looks_elsewhere<std::tuple<Ts...>> = (false || ... || looks_elsewhere<Ts>);
template <class... Ts>
inline constexpr bool looks_elsewhere<std::variant<Ts...>> = (false || ... || looks_elsewhere<Ts>);
template <class T, std::size_t Count>
inline constexpr bool looks_elsewhere<std::array<T, Count>> = looks_elsewhere<T>;
template <class T> inline constexpr bool looks_elsewhere<std::optional<T>> = looks_elsewhere<T>;
template <class T, class Deleter>
inline constexpr bool looks_elsewhere<std::unique_ptr<T, Deleter>> = looks_elsewhere<T>;
template <class T> inline constexpr bool looks_elsewhere<std::shared_ptr<T>> = looks_elsewhere<T>;
template <class T> inline constexpr bool looks_elsewhere<ignored<T>> = looks_elsewhere<T>;
template <class T>
inline constexpr bool looks_elsewhere<as_set<T>> =
    std::ranges::enable_view<T> || looks_elsewhere<T>;
template <class T>
    requires(!is_view<T> && (is_ordered_range<T> || is_unordered_range<T>))
inline constexpr bool looks_elsewhere<T> = looks_elsewhere<typename T::value_type>;

} // namespace memo::detail
