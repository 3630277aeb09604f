// SPDX-License-Identifier: BSL-1.0
#pragma once

// Parameter types that change what of an argument is in the key, and which types look at what they do
// not own.

#include <memo/key/encode.hpp>
#include <memo/key/encode_ranges.hpp>

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

namespace memo {

/// A parameter that is never in the key: passed on to the function, forgotten by the cache.
/// Converts from and to T.
template <class T> class ignored {
  public:
    template <class U = T>
        requires(std::constructible_from<T, U&&> && !std::same_as<std::remove_cvref_t<U>, ignored>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): constrained not to
    ignored(U&& value) : value_(std::forward<U>(value)) {}

    operator T const&() const noexcept { return value_; }
    [[nodiscard]] T const& get() const noexcept { return value_; }

  private:
    T value_;
};

/// A range whose order and duplicates are not in the key: {3, 1, 3} and {1, 3} are one call.
/// Converts from and to Range.
///
/// The function must not let them show either: it is called with the range as the first caller
/// wrote it.
template <std::ranges::forward_range Range> class as_set {
  public:
    template <class U = Range>
        requires(std::constructible_from<Range, U&&> &&
                 !std::same_as<std::remove_cvref_t<U>, as_set>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): constrained not to
    as_set(U&& range) : range_(std::forward<U>(range)) {}
    as_set(std::initializer_list<std::ranges::range_value_t<Range>> values) requires
        std::constructible_from<Range, decltype(values)> : range_(values) {}

    operator Range const&() const noexcept { return range_; }
    [[nodiscard]] Range const& get() const noexcept { return range_; }
    [[nodiscard]] auto begin() const { return std::ranges::begin(range_); }
    [[nodiscard]] auto end() const { return std::ranges::end(range_); }

  private:
    Range range_;
};

namespace detail {

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

} // namespace detail
} // namespace memo
