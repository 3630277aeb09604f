// SPDX-License-Identifier: BSL-1.0
#pragma once

// Declares the state of a callable. Captures, members and bound arguments outside the key would produce
// stale values, so memoize() refuses a callable with state until one of these functions wraps it.

#include <memo/detail/key/state.hpp>
#include <memo/detail/refusal.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace memo {

/// A function or member function as a type: `memo::fn<&f>{}`. It has no state. The object of a member
/// function is the first argument, so it is in the key.
template <auto F> struct fn {
    template <class... Args>
    constexpr decltype(auto)
    operator()(Args&&... args) const requires std::invocable<decltype(F), Args...> {
        return std::invoke(F, std::forward<Args>(args)...);
    }
};

/// Declares a callable's state by values. They are hashed once, by this call; later changes of the state
/// do not change the key.
template <class F, class... Values>
[[nodiscard]] auto keyed(F&& callable, Values const&... values) {
    static_assert(
        sizeof...(Values) > 0,
        "memo: keyed() needs the values that identify the callable's state. Pass what its "
        "result depends on, "
        "or say memo::ignore_state(f) if the state never changes the result");
    (detail::refuse<detail::key_mistake<Values>(), Values>(), ...);
    return detail::keyed_callable<std::decay_t<F>>{std::forward<F>(callable),
                                                   detail::typed_digest(values...)};
}

/// Declares that a callable's state never changes its result: loggers, thread pools, the generator of a
/// noisy utility.
template <class F> [[nodiscard]] auto ignore_state(F&& callable) {
    return detail::stateless_callable<std::decay_t<F>>{std::forward<F>(callable)};
}

/// Declares a callable's state by a function. memo calls it for every call and again before it stores a
/// result, and discards the result if the state changed meanwhile. Several threads may call it at once.
template <class F, class StateFn> [[nodiscard]] auto keyed_by(F&& callable, StateFn&& state) {
    if constexpr (std::invocable<std::decay_t<StateFn> const&>) {
        using value = std::remove_cvref_t<std::invoke_result_t<std::decay_t<StateFn> const&>>;
        detail::refuse<detail::key_mistake<value>(), value>();
        return detail::keyed_by_callable<std::decay_t<F>, std::decay_t<StateFn>>{
            std::forward<F>(callable), std::forward<StateFn>(state)};
    } else {
        detail::refuse<detail::mistake::state_with_parameters, StateFn>();
        return ignore_state(std::forward<F>(callable));
    }
}

} // namespace memo
