// SPDX-License-Identifier: BSL-1.0
#pragma once

// The result and the parameters of a callable, by its type.

#include <memo/callable.hpp>
#include <memo/policies.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// What the type of a function or of a member function says; nothing of another type.
template <class F> struct deduced {};

template <class R, class... P> struct deduced<R (*)(P...)> { using type = signature<R(P...)>; };
template <class R, class... P> struct deduced<R (*)(P...) noexcept> : deduced<R (*)(P...)> {};

template <class Object, class R, class... P> struct deduced_member {
    using type = signature<R(P...)>;
    using with_object = signature<R(Object, P...)>;
};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...)> : deduced_member<C&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...) noexcept> : deduced_member<C&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...)&> : deduced_member<C&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...)& noexcept> : deduced_member<C&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...) const> : deduced_member<C const&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...) const noexcept> : deduced_member<C const&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...) const&> : deduced_member<C const&, R, P...> {};
template <class R, class C, class... P>
struct deduced<R (C::*)(P...) const& noexcept> : deduced_member<C const&, R, P...> {};

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
// Not by patterns of F: to g++ one that is noexcept matches those that are not, too.
template <auto F>
    requires requires {
        typename deduced<decltype(F)>::with_object;
    }
struct signature_of<fn<F>> {
    using type = typename deduced<decltype(F)>::with_object;
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

} // namespace memo::detail
