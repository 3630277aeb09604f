// SPDX-License-Identifier: BSL-1.0
#pragma once

// Parameter types that keep part of an argument out of the key.

#include <concepts>
#include <initializer_list>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <type_traits>
#include <utility>

namespace memo {

/// A parameter that reaches the function but is never in the key. Converts from and to T.
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
/// The function's result must not depend on order or duplicates, because a hit returns the result for the
/// range of another caller.
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

} // namespace memo
