// SPDX-License-Identifier: BSL-1.0
#pragma once

// Interprets the policies of `memoize<Backend, Policies...>`.

#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/signature.hpp>
#include <memo/detail/key/state.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/exact.hpp>
#include <memo/options.hpp>
#include <memo/policies.hpp>
#include <memo/replicate.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace memo::detail {

template <class T> inline constexpr bool is_signature = false;
template <class R, class... P> inline constexpr bool is_signature<signature<R(P...)>> = true;
template <class T> inline constexpr bool is_ignore = false;
template <std::size_t... Index> inline constexpr bool is_ignore<ignore<Index...>> = true;

template <class T>
concept policy = is_signature<T> || is_ignore<T> || std::is_same_v<T, verify_full> ||
    std::is_same_v<T, averaged>;

/// A placeholder for an unknown signature, so that the static_assert is the compiler's first error.
struct unknown_result {};
using unknown_signature = signature<unknown_result()>;

/// The signature of the policy memo::signature; without that policy, the callable's own.
template <class F, class... Policies> struct selected_signature { using type = unknown_signature; };
template <class F>
    requires has_signature<F>
struct selected_signature<F> {
    using type = typename signature_of<F>::type;
};
template <class F, class First, class... Rest> struct selected_signature<F, First, Rest...> {
    using type = typename std::conditional_t<is_signature<First>, std::type_identity<First>,
                                             selected_signature<F, Rest...>>::type;
};

template <class T> constexpr bool ignores(T, std::size_t) noexcept {
    return false;
}
template <std::size_t... Index>
constexpr bool ignores(ignore<Index...>, std::size_t index) noexcept {
    return (false || ... || (Index == index));
}

template <class T> constexpr bool ignores_beyond(T, std::size_t) noexcept {
    return false;
}
template <std::size_t... Index>
constexpr bool ignores_beyond(ignore<Index...>, std::size_t count) noexcept {
    return (false || ... || (Index >= count));
}

/// Whether the parameter at an index is in the key.
template <class P, class... Policies>
constexpr bool is_in_key([[maybe_unused]] std::size_t index) noexcept {
    return !is_ignored<std::remove_cvref_t<P>> && !(false || ... || ignores(Policies{}, index));
}

/// The indices of the parameters in the key, ascending.
template <class Signature, class... Policies> struct key_parameters;
template <class R, class... P, class... Policies>
struct key_parameters<signature<R(P...)>, Policies...> {
    struct list {
        std::array<std::size_t, sizeof...(P) + 1> indices{};
        std::size_t count = 0;
    };
    static constexpr list all = [] {
        list result;
        std::size_t index = 0;
        auto const add_if = [&](bool in_key) {
            if (in_key) {
                result.indices[result.count++] = index;
            }
            ++index;
        };
        static_cast<void>(add_if); // unused without parameters
        (add_if(is_in_key<P, Policies...>(index)), ...);
        return result;
    }();
    using indices = decltype([]<std::size_t... Index>(std::index_sequence<Index...>) {
        return std::index_sequence<all.indices[Index]...>{};
    }(std::make_index_sequence<all.count>{}));
};

template <class Policy, class... Policies>
inline constexpr bool has_policy = (false || ... || std::is_same_v<Policies, Policy>);

/// The signature without a memo::replicate at its end.
template <class Signature, class Before = signature<void()>> struct numbered_signature;
template <class R, class... B> struct numbered_signature<signature<R()>, signature<void(B...)>> {
    static constexpr bool numbered = false;
    using type = signature<R(B...)>;
};
template <class R, class Last, class... B>
    requires std::is_same_v<std::remove_cvref_t<Last>, replicate>
struct numbered_signature<signature<R(Last)>, signature<void(B...)>> {
    static constexpr bool numbered = true;
    using type = signature<R(B...)>;
};
template <class R, class First, class... P, class... B>
struct numbered_signature<signature<R(First, P...)>, signature<void(B...)>>
    : numbered_signature<signature<R(P...)>, signature<void(B..., First)>> {};

/// The evaluation of results of type R.
template <class R, bool Numbered, class... Policies> struct evaluation_of {
    using type =
        std::conditional_t<has_policy<verify_full, Policies...>, exact_verified<R>, exact<R>>;
};
template <class R, bool Numbered, class... Policies>
    requires has_policy<averaged, Policies...> && can_be_averaged<R>
struct evaluation_of<R, Numbered, Policies...> {
    using type = averaging<R, Numbered>;
};

/// Averaged functions whose result is no number are refused; until then they have options.
template <class R> struct no_evaluation { using options = averaged_options<R>; };
template <class R, bool Numbered, class... Policies>
    requires(has_policy<averaged, Policies...> && !can_be_averaged<R>)
struct evaluation_of<R, Numbered, Policies...> {
    using type = no_evaluation<R>;
};

/// The evaluation of averaged functions with `interval = memo::betting`; of other ones none.
template <class Evaluation> struct betting_evaluation_of {};
template <class R, bool Numbered> struct betting_evaluation_of<averaging<R, Numbered>> {
    using type = averaging<R, Numbered, true>;
};

template <class Signature> struct result_of_signature;
template <class R, class... P> struct result_of_signature<signature<R(P...)>> {
    using type = std::conditional_t<std::is_void_v<R>, unknown_result, std::decay_t<R>>;
};

template <class F> struct callable_in { using type = F; };
template <class F> struct callable_in<keyed_callable<F>> { using type = F; };
template <class F, class S> struct callable_in<keyed_by_callable<F, S>> { using type = F; };
template <class F> struct callable_in<stateless_callable<F>> { using type = F; };

/// The signature of the callable.
template <class F, class... Policies>
using full_signature_for =
    typename selected_signature<typename callable_in<std::decay_t<F>>::type, Policies...>::type;

/// The signature of the wrapper.
template <class F, class... Policies>
using signature_for = typename numbered_signature<full_signature_for<F, Policies...>>::type;

template <class F, class... Policies>
using evaluation_for =
    typename evaluation_of<typename result_of_signature<signature_for<F, Policies...>>::type,
                           numbered_signature<full_signature_for<F, Policies...>>::numbered,
                           Policies...>::type;

template <class F, class... Policies>
using betting_evaluation_for = typename betting_evaluation_of<evaluation_for<F, Policies...>>::type;

template <class F, class... Policies>
using options_for = typename evaluation_for<F, Policies...>::options;

} // namespace memo::detail
