// SPDX-License-Identifier: BSL-1.0
#pragma once

// The static_asserts that refuse a callable. Each message says what to do.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/signature.hpp>
#include <memo/detail/wrap/policy_traits.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// F: the callable of memoize, perhaps wrapped by memo::keyed or a similar function.
template <class F> consteval bool check_state() {
    constexpr bool declares_state = !std::is_same_v<typename callable_in<F>::type, F>;
    static_assert(!is_std_function<F>,
                  "memo: std::function hides its target, so the cache cannot tell two targets "
                  "apart. Pass the lambda or function itself, or memo::keyed(f, values...)");
    static_assert(!std::is_member_function_pointer_v<F>,
                  "memo: a pointer to a member function does not identify the function. Wrap "
                  "memo::fn<&Class::member>{}; the object is then its first argument");
    constexpr bool inherits = !declares_state && saved_by_base<F>;
    static_assert(
        !inherits,
        "memo: the functor inherits its serialize(), so the members of the functor itself "
        "would not be part of the cache key. Write a serialize() in the functor itself "
        "that names cereal::base_class<B>(this) and these members, or name its state: "
        "memo::keyed(f, memo::fingerprint(...))");
    static_assert(
        declares_state || is_std_function<F> || std::is_empty_v<F> || is_function_pointer<F> ||
            std::is_member_function_pointer_v<F> || inherits || cereal_class<F>,
        "memo: the callable carries state (captures, members or bound arguments) that is not part "
        "of the cache key; a change of that state would return stale values. Say what identifies "
        "it: memo::keyed(f, memo::fingerprint(...)), or give the functor a cereal serialize(), or "
        "memo::ignore_state(f) if the state never changes the result");
    return true;
}

template <class R> consteval bool check_result() {
    using result = std::decay_t<R>;
    static_assert(!std::is_void_v<R>, "memo: the function returns void, so there is no result to "
                                      "cache. Return the value that it computes");
    static_assert(!std::is_pointer_v<result> && !is_view<result>,
                  "memo: the result is a pointer or a view to memory that the cache does not own. "
                  "Return the value "
                  "itself, a std::string, a std::vector or a std::shared_ptr");
    static_assert(is_view<result> || !contains_view<result>,
                  "memo: the result holds a view or a reference to memory that the cache does not "
                  "own. Let it hold values: a std::string, a std::vector");
    static_assert(std::is_void_v<R> || std::is_copy_constructible_v<result>,
                  "memo: the result cannot be copied, and every caller gets a copy. Return a "
                  "std::shared_ptr<T const>, whose copies share the value");
    static_assert(!std::is_copy_constructible_v<result> || std::is_copy_assignable_v<result>,
                  "memo: the result cannot be assigned, as it has a const member or a reference. "
                  "Return a class without them, or a std::shared_ptr<T const>");
    return true;
}

template <class P, bool InKey> consteval bool check_parameter() {
    constexpr bool can_be_written =
        std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;
    static_assert(
        !is_writable_span<std::remove_cvref_t<P>> || !InKey,
        "memo: a parameter is a std::span of elements that are not const, and a hit would not "
        "write to them as the function does. Take a std::span<T const> and return the computed "
        "values, or exclude it from the key with memo::ignore<I>");
    static_assert(!can_be_written || !InKey,
                  "memo: a parameter is taken by non-const reference, and a hit would not write to "
                  "it as the function does. Take it by value or const reference and return the "
                  "computed value, or exclude it from the key with memo::ignore<I>");
    if constexpr (InKey && !can_be_written) {
        require_encodable<P>();
    }
    return true;
}

/// F: as for check_state. Signature: of the callable, including a memo::replicate.
template <class F, class R, class... P> consteval bool check_call(std::type_identity<R(P...)>) {
    using function = typename callable_in<F>::type;
    constexpr bool declares_state = !std::is_same_v<function, F>;
    static_assert(std::is_invocable_v<function&, P...>,
                  "memo: the callable cannot be called with the parameters that "
                  "memo::signature<R(P...)> names");
    if constexpr (std::is_invocable_v<function&, P...>) {
        static_assert(declares_state || std::is_invocable_v<function const&, P...>,
                      "memo: the call operator is not const, so calls could change each other's "
                      "results. Make it const, or say memo::ignore_state(f) if that never changes "
                      "the result");
        static_assert(std::is_void_v<R> ||
                          std::is_convertible_v<std::invoke_result_t<function&, P...>, R>,
                      "memo: the callable's result does not convert to the one that "
                      "memo::signature<R(P...)> names");
    }
    return true;
}

/// Refuses invalid policies.
template <class... Policies> consteval bool check_policies() {
    static_assert((true && ... && policy<Policies>),
                  "memo: memoize<Backend, Policies...> takes memo::signature<R(P...)>, "
                  "memo::ignore<I...>, memo::averaged and memo::verify_full as policies, and no "
                  "other type");
    static_assert(!has_policy<averaged, Policies...> || !has_policy<verify_full, Policies...>,
                  "memo: memo::verify_full stores the arguments with one exact result; remove it "
                  "from an averaged function");
    return true;
}

/// Requirements of averaged functions.
template <class R, bool Numbered, class... Policies> consteval bool check_averaged() {
    constexpr bool is_averaged = has_policy<averaged, Policies...>;
    static_assert(!is_averaged || can_be_averaged<std::decay_t<R>>,
                  "memo: the result of an averaged function must be a number, or a std::vector or "
                  "std::array of numbers");
    static_assert(is_averaged || !Numbered,
                  "memo: the function takes a memo::replicate, which numbers the samples of a "
                  "mean. Add the policy memo::averaged, or remove the parameter");
    return true;
}

template <class P, class... Policies> consteval bool check_copyable() {
    static_assert(!has_policy<averaged, Policies...> || std::is_lvalue_reference_v<P> ||
                      std::is_copy_constructible_v<std::remove_cvref_t<P>>,
                  "memo: an averaged function runs several times with the same arguments, so each "
                  "must be copyable. Take this one by const reference");
    return true;
}

/// F               as for check_state
/// Signature       of the wrapper
/// Full            of the callable: the same, or with a memo::replicate at its end
template <class F, class Signature, class Full, class... Policies> struct requirements;

template <class F, class R, class... P, class Full, class... Policies>
struct requirements<F, signature<R(P...)>, Full, Policies...> {
    static consteval bool check() {
        constexpr bool has_types = !std::is_same_v<signature<R(P...)>, unknown_signature>;
        static_assert(has_types, "memo: the call operator is generic or overloaded, so the "
                                 "parameter types are not known. "
                                 "Name them: memoize<Backend, memo::signature<R(P...)>>(f)");
        if constexpr (has_types) {
            static_assert(!(false || ... || ignores_beyond(Policies{}, sizeof...(P))),
                          "memo: memo::ignore<I...> names a parameter that the function does not "
                          "have; they are "
                          "counted from 0");
            return []<std::size_t... Index>(std::index_sequence<Index...>) {
                constexpr bool numbered = !std::is_same_v<signature<R(P...)>, Full>;
                return check_result<R>() && check_averaged<R, numbered, Policies...>() &&
                       (true && ... && check_parameter<P, is_in_key<P, Policies...>(Index)>()) &&
                       (true && ... && check_copyable<P, Policies...>()) &&
                       check_call<F>(typename Full::function{});
            }
            (std::index_sequence_for<P...>{});
        }
        return has_types;
    }
};

} // namespace memo::detail
