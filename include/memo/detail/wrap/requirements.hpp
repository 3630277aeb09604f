// SPDX-License-Identifier: BSL-1.0
#pragma once

// Finds what is wrong with a callable, its types, the policies and the backend of memoize. The sentences are in
// detail/refusal.hpp.

#include <memo/backend.hpp>
#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/key/foreign_types.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/signature.hpp>
#include <memo/detail/refusal.hpp>
#include <memo/detail/wrap/policy_traits.hpp>
#include <memo/memoized.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace memo::detail {

template <class T> inline constexpr bool is_memoized = false;
template <class... Ts> inline constexpr bool is_memoized<memoized<Ts...>> = true;

/// F               the callable of memoize, perhaps wrapped by memo::keyed or a similar function
template <class F> consteval mistake callable_mistake() {
    using enum mistake;
    using function = typename callable_in<F>::type;
    constexpr bool declares_state = !std::is_same_v<function, F>;
    if constexpr (is_memoized<F>) {
        return memoized_again;
    } else if constexpr (is_std_function<F>) {
        return std_function;
    } else if constexpr (std::is_member_function_pointer_v<F>) {
        return member_function_pointer;
    } else if constexpr (!std::is_class_v<F> && !is_function_pointer<F>) {
        return not_a_callable;
    } else if constexpr (declares_state || std::is_empty_v<F> || is_function_pointer<F>) {
        return none;
    } else if constexpr (saved_by_base<F>) {
        return functor_inherits_serialize;
    } else {
        return cereal_class<F> ? none : undeclared_state;
    }
}

template <class R> consteval mistake result_mistake() {
    using enum mistake;
    using result = std::decay_t<R>;
    if constexpr (std::is_void_v<R>) {
        return void_result;
    } else if constexpr (std::is_pointer_v<result> || is_view<result>) {
        return result_is_view;
    } else if constexpr (eigen_expression<result>) {
        return result_of_eigen_expression;
    } else if constexpr (contains_view<result>) {
        return result_holds_view;
    } else if constexpr (is_unique_ptr<result>) {
        return result_is_unique_ptr;
    } else if constexpr (!std::is_copy_constructible_v<result>) {
        return future_like<result> ? result_is_future : result_not_copyable;
    } else if constexpr (!std::is_copy_assignable_v<result>) {
        return result_not_assignable;
    } else {
        return none;
    }
}

template <class P, bool InKey, bool Averaged> consteval mistake parameter_mistake() {
    using enum mistake;
    using value = std::remove_cvref_t<P>;
    if constexpr (InKey && is_writable_span<value>) {
        return writable_span;
    } else if constexpr (InKey && std::is_lvalue_reference_v<P> &&
                         !std::is_const_v<std::remove_reference_t<P>>) {
        return written_reference;
    } else if constexpr (InKey && key_mistake<value>() != none) {
        return key_mistake<value>();
    } else if constexpr (Averaged && !std::is_lvalue_reference_v<P> &&
                         !std::is_copy_constructible_v<value>) {
        return argument_not_copyable;
    } else {
        return none;
    }
}

/// F               as for callable_mistake
/// R, P            of the callable, including a memo::replicate
template <class F, class R, class... P>
consteval mistake call_mistake(std::type_identity<R(P...)>) {
    using enum mistake;
    using function = typename callable_in<F>::type;
    constexpr bool declares_state = !std::is_same_v<function, F>;
    if constexpr (!std::is_invocable_v<function&, P...>) {
        return not_invocable;
    } else if constexpr (!declares_state && !std::is_invocable_v<function const&, P...>) {
        return call_not_const;
    } else if constexpr (!std::is_convertible_v<std::invoke_result_t<function&, P...>, R>) {
        return result_not_convertible;
    } else {
        return none;
    }
}

template <class... Policies> consteval mistake policies_mistake() {
    using enum mistake;
    if constexpr (!(true && ... && policy<Policies>)) {
        return unknown_policy;
    } else if constexpr (has_policy<averaged, Policies...> &&
                         has_policy<verify_full, Policies...>) {
        return averaged_and_verified;
    } else {
        return none;
    }
}

// The parts of memo::partition_of, each by itself.

template <class P, class Record>
concept has_get = requires(P const& partition, key128 key) {
    { partition.get(key) } -> std::convertible_to<lookup_result<Record>>;
};
template <class P, class Record>
concept has_put = requires(P const& partition, key128 key, Record const& record,
                           put_options options) {
    { partition.put(key, record, options) } -> std::same_as<bool>;
};
template <class P>
concept has_erase = requires(P const& partition, key128 key) {
    { partition.erase(key) } -> std::same_as<bool>;
};
template <class P>
concept has_clear = requires(P const& partition) {
    { partition.clear() } -> std::same_as<void>;
};
template <class P>
concept has_stats = requires(P const& partition) {
    { partition.stats() } -> std::same_as<backend_statistics>;
};

template <class B>
concept has_backend_constants = requires {
    { B::persistent } -> std::convertible_to<bool>;
    { B::stores } -> std::convertible_to<bool>;
};
template <class B, class Record>
concept has_partition = requires(B const& backend, key128 scope) {
    backend.template partition<Record>(scope);
};

/// Why a type is not a backend_of<Record>.
template <class B, class Record> consteval mistake backend_mistake() {
    using enum mistake;
    if constexpr (backend_of<B, Record>) {
        return none;
    } else if constexpr (!std::is_class_v<B>) {
        return not_a_backend;
    } else if constexpr (!has_backend_constants<B>) {
        return backend_constants;
    } else if constexpr (!has_partition<B, Record>) {
        return backend_partition;
    } else if constexpr (!has_stats<B>) {
        return backend_stats;
    } else if constexpr (!std::copyable<B>) {
        return backend_not_copyable;
    } else {
        using opened = decltype(std::declval<B const&>().template partition<Record>(key128()));
        return !has_get<opened, Record>   ? partition_get
               : !has_put<opened, Record> ? partition_put
               : !has_erase<opened>       ? partition_erase
               : !has_clear<opened>       ? partition_clear
               : !has_stats<opened>       ? partition_stats
                                          : partition_update;
    }
}

/// What memoize found: a mistake, and the type of which its sentence speaks.
template <mistake Found, class Culprit = void> struct finding {
    static constexpr mistake found = Found;
    using culprit = Culprit;
};

/// The first mistake in the parameters of a function.
template <class... Policies, class... P> consteval auto examine_parameters(type_list<P...>) {
    constexpr auto mistakes = []<std::size_t... Index>(std::index_sequence<Index...>) {
        return std::array{parameter_mistake<P, is_in_key<P, Policies...>(Index),
                                            has_policy<averaged, Policies...>>()...,
                          mistake::none};
    }
    (std::index_sequence_for<P...>());
    constexpr std::size_t first = [&] {
        std::size_t index = 0;
        while (index < sizeof...(P) && mistakes[index] == mistake::none) {
            ++index;
        }
        return index;
    }();
    return finding<mistakes[first], std::tuple_element_t<first, std::tuple<P..., void>>>();
}

/// The first mistake in the types of a call of memoize.
///
/// F               as for callable_mistake
/// R, P            of the wrapper
/// Full            the signature of the callable: the same, or with a memo::replicate at its end
template <class Evaluation, class Backend, class F, class Full, class... Policies, class R,
          class... P>
consteval auto examine(signature<R(P...)>*) {
    using enum mistake;
    constexpr bool is_averaged = has_policy<averaged, Policies...>;
    if constexpr (callable_mistake<F>() != none) {
        return finding<callable_mistake<F>(), F>();
    } else if constexpr (policies_mistake<Policies...>() != none) {
        return finding<policies_mistake<Policies...>()>();
    } else if constexpr (std::is_same_v<Full, unknown_signature>) {
        return finding<unknown_parameters, F>();
    } else if constexpr ((false || ... || ignores_beyond(Policies{}, sizeof...(P)))) {
        return finding<ignored_beyond_last, F>();
    } else if constexpr (result_mistake<R>() != none) {
        return finding<result_mistake<R>(), R>();
    } else if constexpr (is_averaged && !can_be_averaged<std::decay_t<R>>) {
        return finding<not_a_number, R>();
    } else if constexpr (!is_averaged && !std::is_same_v<Full, signature<R(P...)>>) {
        return finding<replicate_without_averaged, F>();
    } else if constexpr (examine_parameters<Policies...>(type_list<P...>()).found != none) {
        return examine_parameters<Policies...>(type_list<P...>());
    } else if constexpr (call_mistake<F>(typename Full::function{}) != none) {
        return finding<call_mistake<F>(typename Full::function{}), F>();
    } else {
        return finding<backend_mistake<Backend, typename Evaluation::record>(), Backend>();
    }
}

template <class Evaluation, class Backend, class F, class... Policies>
using finding_for =
    decltype(examine<Evaluation, Backend, std::decay_t<F>, full_signature_for<F, Policies...>,
                     Policies...>(static_cast<signature_for<F, Policies...>*>(nullptr)));

} // namespace memo::detail
