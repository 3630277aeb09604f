// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sums, products and durations that saturate at the limits of their type instead of overflowing.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>

namespace memo::detail {

template <std::integral Number>
[[nodiscard]] constexpr Number saturated_sum(Number one, Number other) noexcept {
    Number sum{};
    if (!__builtin_add_overflow(one, other, &sum)) {
        return sum;
    }
    using limits = std::numeric_limits<Number>;
    return one < Number{0} ? (limits::min)() : (limits::max)();
}

template <std::unsigned_integral Number>
[[nodiscard]] constexpr Number saturated_product(Number one, Number other) noexcept {
    Number product{};
    return __builtin_mul_overflow(one, other, &product) ? (std::numeric_limits<Number>::max)()
                                                        : product;
}

[[nodiscard]] constexpr std::chrono::nanoseconds
saturated_sum(std::chrono::nanoseconds one, std::chrono::nanoseconds other) noexcept {
    return std::chrono::nanoseconds(saturated_sum(one.count(), other.count()));
}

/// The time `span` after `start`, or the last time of the clock.
template <class Clock>
[[nodiscard]] constexpr std::chrono::time_point<Clock, std::chrono::nanoseconds>
saturated_sum(std::chrono::time_point<Clock, std::chrono::nanoseconds> start,
              std::chrono::nanoseconds span) noexcept {
    return std::chrono::time_point<Clock, std::chrono::nanoseconds>(
        saturated_sum(start.time_since_epoch(), span));
}

/// Converts a duration and truncates it; saturates at the limits of To. NaN becomes the minimum, which every
/// check of an option refuses.
template <class To, class Count, class Period>
    requires std::integral<typename To::rep>
[[nodiscard]] constexpr To saturated_cast(std::chrono::duration<Count, Period> span) noexcept {
    // To's maximum has 63 bits. A long double with fewer bits rounds it up, so every value below it fits.
    using wide = std::chrono::duration<long double, typename To::period>;
    wide const exact = span;
    if (!(exact > wide((To::min)()))) {
        return (To::min)();
    }
    if (exact >= wide((To::max)())) {
        return (To::max)();
    }
    return To(static_cast<typename To::rep>(exact.count()));
}

} // namespace memo::detail
