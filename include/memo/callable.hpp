// SPDX-License-Identifier: BSL-1.0
#pragma once

// How to say which function a callable is, and what its state is. Captures, members and bound arguments
// that are in no key would give stale values, so memoize() refuses a callable with state until it is
// wrapped by one of these.

#include <memo/detail/key/state.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace memo {

/// A function or member function named when the program is compiled: `memo::fn<&f>{}`. It has no
/// state, and two functions are two types. The object of a member function is its first argument,
/// and so in the key.
template <auto F> struct fn {
    template <class... Args>
    constexpr decltype(auto)
    operator()(Args&&... args) const requires std::invocable<decltype(F), Args...> {
        return std::invoke(F, std::forward<Args>(args)...);
    }
};

/// Says what a callable's state is: values that are hashed once, now. A later change of the state
/// is not seen.
template <class F, class... Values>
[[nodiscard]] auto keyed(F&& callable, Values const&... values) {
    static_assert(sizeof...(Values) > 0,
                  "memo: keyed() names the callable's state and was given no value. Name what its "
                  "result depends on, "
                  "or say memo::ignore_state(f) if the state never changes the result");
    return detail::keyed_callable<std::decay_t<F>>{std::forward<F>(callable),
                                                   detail::typed_digest(values...)};
}

/// Says what a callable's state is: asked anew at every call, and again before a result is stored, which it
/// is not if the state is another one by then. The function must be safe to call from several threads.
template <class F, class StateFn> [[nodiscard]] auto keyed_by(F&& callable, StateFn&& state) {
    static_assert(std::invocable<std::decay_t<StateFn> const&>,
                  "memo: the second argument of keyed_by() is asked for the state at every call. "
                  "Give a function "
                  "without parameters that is const and returns a value to be hashed");
    return detail::keyed_by_callable<std::decay_t<F>, std::decay_t<StateFn>>{
        std::forward<F>(callable), std::forward<StateFn>(state)};
}

/// Says that a callable's state never changes its result: loggers, thread pools, the generator of a
/// noisy utility.
template <class F> [[nodiscard]] auto ignore_state(F&& callable) {
    return detail::stateless_callable<std::decay_t<F>>{std::forward<F>(callable)};
}

} // namespace memo
