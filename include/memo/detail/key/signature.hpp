// SPDX-License-Identifier: BSL-1.0
#pragma once

// The result and the parameters of a callable type.

#include <memo/callable.hpp>
#include <memo/detail/key/foreign_types.hpp>
#include <memo/policies.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// The signature of a function or member function pointer type; empty for other types.
template <class F> struct pointer_signature {};

template <class R, class... P> struct pointer_signature<R (*)(P...)> {
    using type = signature<R(P...)>;
};
template <class R, class... P>
struct pointer_signature<R (*)(P...) noexcept> : pointer_signature<R (*)(P...)> {};

template <class Object, class R, class... P> struct member_signature {
    using type = signature<R(P...)>;
    using with_object = signature<R(Object, P...)>;
};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...)> : member_signature<C&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...) noexcept> : member_signature<C&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...)&> : member_signature<C&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...)& noexcept> : member_signature<C&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...) const> : member_signature<C const&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...) const noexcept> : member_signature<C const&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...) const&> : member_signature<C const&, R, P...> {};
template <class R, class C, class... P>
struct pointer_signature<R (C::*)(P...) const& noexcept> : member_signature<C const&, R, P...> {};

template <class F>
concept has_one_call_operator = requires {
    &F::operator();
};

/// The signature of a callable; without a member `type` if only memo::signature can name it.
template <class F> struct signature_of {};
template <class R, class... P> struct signature_of<R (*)(P...)> : pointer_signature<R (*)(P...)> {};
template <class R, class... P>
struct signature_of<R (*)(P...) noexcept> : pointer_signature<R (*)(P...)> {};
template <has_one_call_operator F>
struct signature_of<F> : pointer_signature<decltype(&F::operator())> {};
template <auto F> struct signature_of<fn<F>> : pointer_signature<decltype(F)> {};
// Not by partial specialization of F: g++ also matches noexcept functions with the patterns of others.
template <auto F>
    requires requires {
        typename pointer_signature<decltype(F)>::with_object;
    }
struct signature_of<fn<F>> {
    using type = typename pointer_signature<decltype(F)>::with_object;
};

template <class F>
concept has_signature = requires {
    typename signature_of<F>::type;
};

/// The function pointer that a std::function may contain.
template <class F> struct function_pointer_of;
template <class R, class... P> struct function_pointer_of<std::function<R(P...)>> {
    using type = R (*)(P...);
};
template <class F> using function_pointer_in = typename function_pointer_of<F>::type;

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

} // namespace memo::detail
