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

#include <concepts>
#include <cstddef>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
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
    return std::is_void_v<R>                                               ? void_result
           : std::is_pointer_v<result> || std::ranges::enable_view<result> ? result_is_view
           : eigen_expression<result> ? result_of_eigen_expression
           : contains_view<result>    ? result_holds_view
           : is_unique_ptr<result>    ? result_is_unique_ptr
           : !std::is_copy_constructible_v<result>
               ? (future_like<result> ? result_is_future : result_not_copyable)
           : !std::is_copy_assignable_v<result> ? result_not_assignable
                                                : none;
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
    return !std::is_invocable_v<function&, P...>                            ? not_invocable
           : !declares_state && !std::is_invocable_v<function const&, P...> ? call_not_const
           : !std::is_invocable_r_v<R, function&, P...>                     ? result_not_convertible
                                                                            : none;
}

template <class... Policies> consteval mistake policies_mistake() {
    using enum mistake;
    constexpr bool is_contradiction =
        has_policy<averaged, Policies...> && has_policy<verify_full, Policies...>;
    return !(true && ... && policy<Policies>) ? unknown_policy
           : is_contradiction                 ? averaged_and_verified
                                              : none;
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
    if constexpr (!has_backend_constants<B>) {
        return std::is_class_v<B> ? backend_constants : not_a_backend;
    } else if constexpr (!has_partition<B, Record>) {
        return backend_partition;
    } else {
        using opened = decltype(std::declval<B const&>().template partition<Record>(key128()));
        return backend_of<B, Record>      ? none
               : !has_stats<B>            ? backend_stats
               : !std::copyable<B>        ? backend_not_copyable
               : !has_get<opened, Record> ? partition_get
               : !has_put<opened, Record> ? partition_put
               : !has_erase<opened>       ? partition_erase
               : !has_clear<opened>       ? partition_clear
               : !has_stats<opened>       ? partition_stats
                                          : partition_update;
    }
}

/// What memoize found: a mistake, and the type of which its sentence speaks. `value`, for std::disjunction, is
/// whether it is one.
template <mistake Found, class Culprit = void>
struct finding : std::bool_constant<Found != mistake::none> {
    static constexpr mistake found = Found;
    using culprit = Culprit;
};

/// The first mistake in the types of a call of memoize. In steps, because a mistake can make a later check an error
/// of the compiler.
///
/// F               as for callable_mistake
/// R, P            of the wrapper
/// Full            the signature of the callable: the same, or with a memo::replicate at its end
template <class Evaluation, class Backend, class F, class Full, class... Policies, class R,
          class... P, std::size_t... Index>
consteval auto examine(signature<R(P...)>*, std::index_sequence<Index...>) {
    using enum mistake;
    constexpr bool is_averaged = has_policy<averaged, Policies...>;
    using first = std::disjunction<finding<callable_mistake<F>(), F>,
                                   finding<policies_mistake<Policies...>()>>;
    if constexpr (first::value) {
        return first();
    } else {
        using second = std::disjunction<
            finding<std::is_same_v<Full, unknown_signature> ? unknown_parameters : none, F>,
            finding<(false || ... || ignores_beyond(Policies{}, sizeof...(P))) ? ignored_beyond_last
                                                                               : none,
                    F>,
            finding<result_mistake<R>(), R>,
            finding<is_averaged && !can_be_averaged<std::decay_t<R>> ? not_a_number : none, R>,
            finding<!is_averaged && !std::is_same_v<Full, signature<R(P...)>>
                        ? replicate_without_averaged
                        : none,
                    F>,
            finding<parameter_mistake<P, is_in_key<P, Policies...>(Index), is_averaged>(), P>...>;
        if constexpr (second::value) {
            return second();
        } else {
            return std::disjunction<
                finding<call_mistake<F>(typename Full::function{}), F>,
                finding<backend_mistake<Backend, typename Evaluation::record>(), Backend>>();
        }
    }
}

/// Names the indices of all parameters.
template <class R, class... P> std::index_sequence_for<P...> indices_of(signature<R(P...)>*);

template <class Evaluation, class Backend, class F, class... Policies>
using finding_for = decltype(examine<Evaluation, Backend, std::decay_t<F>,
                                     full_signature_for<F, Policies...>, Policies...>(
    static_cast<signature_for<F, Policies...>*>(nullptr),
    indices_of(static_cast<signature_for<F, Policies...>*>(nullptr))));

} // namespace memo::detail
