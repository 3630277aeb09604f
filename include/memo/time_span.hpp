// SPDX-License-Identifier: BSL-1.0
#pragma once

// The type of durations in options.

#include <memo/detail/refusal.hpp>
#include <memo/detail/saturated.hpp>

#include <chrono>
#include <compare>
#include <type_traits>

namespace memo {

/// A duration in an option: any std::chrono duration, truncated to whole nanoseconds. Durations above 292
/// years, such as `std::chrono::seconds::max()`, become 292 years.
class time_span {
  public:
    constexpr time_span() noexcept = default; ///< 0 ns
    template <class Count, class Period>
    // NOLINTNEXTLINE(google-explicit-constructor): `.ttl = 1h`
    constexpr time_span(std::chrono::duration<Count, Period> span) noexcept
        : span_(detail::saturated_cast<std::chrono::nanoseconds>(span)) {}

    /// Refuses a number, which has no unit.
    template <class Number>
        requires std::is_arithmetic_v<Number>
    // NOLINTNEXTLINE(google-explicit-constructor): as from a duration
    constexpr time_span(Number) noexcept {
        detail::refuse<detail::mistake::duration_without_unit, Number>();
    }

    // NOLINTNEXTLINE(google-explicit-constructor): a time_span is used as a duration
    [[nodiscard]] constexpr operator std::chrono::nanoseconds() const noexcept { return span_; }

    [[nodiscard]] constexpr bool is_zero() const noexcept { return span_.count() == 0; }
    [[nodiscard]] constexpr bool is_negative() const noexcept { return span_.count() < 0; }

    friend constexpr auto operator<=>(time_span, time_span) noexcept = default;

  private:
    std::chrono::nanoseconds span_{0};
};

} // namespace memo
