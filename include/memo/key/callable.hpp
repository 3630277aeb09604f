// SPDX-License-Identifier: BSL-1.0
#pragma once

// A callable in; its result, its parameters and what is known of its state out.

#include <memo/key/encode.hpp>
#include <memo/key/parameters.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace memo {

/// Policy of memoize: names the parameters of a generic or overloaded callable,
/// `memo::signature<double(int)>`.
template <class Function> struct signature;
template <class R, class... P> struct signature<R(P...)> {
    using function = std::type_identity<R(P...)>;
};

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

namespace detail {

template <class F> struct deduced; // no member `type`: generic, overloaded, or not callable

template <class R, class... P> struct deduced<R (*)(P...)> { using type = signature<R(P...)>; };
template <class R, class... P> struct deduced<R (*)(P...) noexcept> {
    using type = signature<R(P...)>;
};
template <class R, class C, class... P> struct deduced<R (C::*)(P...)> {
    using type = signature<R(P...)>;
};
template <class R, class C, class... P> struct deduced<R (C::*)(P...) noexcept> {
    using type = signature<R(P...)>;
};
template <class R, class C, class... P> struct deduced<R (C::*)(P...) const> {
    using type = signature<R(P...)>;
};
template <class R, class C, class... P> struct deduced<R (C::*)(P...) const noexcept> {
    using type = signature<R(P...)>;
};

template <class F>
concept has_one_call_operator = requires {
    &F::operator();
};

/// The signature of a callable; no member `type` where it must be named by memo::signature.
template <class F> struct signature_of {};
template <class R, class... P> struct signature_of<R (*)(P...)> : deduced<R (*)(P...)> {};
template <class R, class... P> struct signature_of<R (*)(P...) noexcept> : deduced<R (*)(P...)> {};
template <has_one_call_operator F> struct signature_of<F> : deduced<decltype(&F::operator())> {};
template <auto F> struct signature_of<fn<F>> : deduced<decltype(F)> {};
template <class R, class C, class... P, R (C::*F)(P...)> struct signature_of<fn<F>> {
    using type = signature<R(C&, P...)>;
};
template <class R, class C, class... P, R (C::*F)(P...) noexcept> struct signature_of<fn<F>> {
    using type = signature<R(C&, P...)>;
};
template <class R, class C, class... P, R (C::*F)(P...) const> struct signature_of<fn<F>> {
    using type = signature<R(C const&, P...)>;
};
template <class R, class C, class... P, R (C::*F)(P...) const noexcept> struct signature_of<fn<F>> {
    using type = signature<R(C const&, P...)>;
};

template <class F>
concept has_signature = requires {
    typename signature_of<F>::type;
};

template <class T> inline constexpr bool is_std_function = false;
template <class R, class... P> inline constexpr bool is_std_function<std::function<R(P...)>> = true;

/// The pointer to a function that a std::function may hold.
template <class F> struct function_pointer_of;
template <class R, class... P> struct function_pointer_of<std::function<R(P...)>> {
    using type = R (*)(P...);
};
template <class F> using function_pointer_in = typename function_pointer_of<F>::type;

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

} // namespace detail
} // namespace memo
