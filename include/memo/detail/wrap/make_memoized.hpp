// SPDX-License-Identifier: BSL-1.0
#pragma once

// Creates a memoized function of a callable.

#include <memo/backend.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/key/state.hpp>
#include <memo/detail/key/type_name.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/wrap/policy_traits.hpp>
#include <memo/memoized.hpp>

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// InKey           the indices of the parameters in the key
template <class Evaluation, class Backend, class F, class StateFn, class R, class... P,
          std::size_t... InKey>
[[gnu::visibility("hidden"), gnu::cold, gnu::noinline]] auto
make_memoized(callable_with_state<F, StateFn> callable, typename Evaluation::options const& options,
              Backend backend, std::type_identity<R(P...)>, std::index_sequence<InKey...>) {
    using parameters = std::tuple<std::type_identity<std::remove_cvref_t<P>>...>;
    std::array<char const*, sizeof...(P) + 1> names{}; // null for a parameter outside the key
    ((names[InKey] = type_name<typename std::tuple_element_t<InKey, parameters>::type>()), ...);
    function_identity identity = identify<F, R(P...)>(
        callable.function, {options.name, options.version, options.hash_prefix},
        Backend::persistent,
        {{names.data(), sizeof...(P)},
         type_name<typename Evaluation::sample>(),
         Evaluation::kind(options)},
        callable.fixed_state);
    describe(backend, identity.scope, options.name, options.version);
    return memoized<Backend, callable_with_state<F, StateFn>, R(P...), Evaluation,
                    std::index_sequence<InKey...>>(std::move(callable), options, std::move(backend),
                                                   std::move(identity));
}

/// Wraps a callable whose types have no mistake.
template <class Evaluation, class... Policies, class F, class Backend>
[[nodiscard, gnu::visibility("hidden")]] auto
wrap(F&& callable, typename Evaluation::options const& options, Backend backend) {
    using signature = signature_for<F, Policies...>;
    auto own = std::decay_t<F>(std::forward<F>(callable));
    return make_memoized<Evaluation>(with_state(std::move(own)), options, std::move(backend),
                                     typename signature::function{},
                                     typename key_parameters<signature, Policies...>::indices{});
}

} // namespace memo::detail
