// SPDX-License-Identifier: BSL-1.0
#pragma once

// The door: `memo::memoize<memo::memory>(f)`.

#include <memo/compiler.hpp>

#include <memo/backends/backend.hpp>
#include <memo/backends/memory.hpp>
#include <memo/backends/none.hpp>
#include <memo/error.hpp>
#include <memo/estimate.hpp>
#include <memo/key/explanation.hpp>
#include <memo/key/index_set.hpp>
#include <memo/key/key128.hpp>
#include <memo/key/parameters.hpp>
#include <memo/key/scope.hpp>
#include <memo/key/state.hpp>
#include <memo/memoized.hpp>
#include <memo/options.hpp>
#include <memo/replicate.hpp>
#include <memo/report.hpp>
#include <memo/statistics.hpp>
#include <memo/version.hpp>
#include <memo/wrap/policies.hpp>
#include <memo/wrap/requirements.hpp>

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo {

namespace detail {

/// Makes the wrapper, once nothing is left to refuse.
template <class Evaluation, class Places, class Backend, class F, class StateFn, class R,
          class... P, std::size_t... Kept>
[[gnu::visibility("hidden")]] auto
wrap(stated<F, StateFn> callable, typename Evaluation::options const& options, Backend backend,
     std::type_identity<R(P...)>, std::index_sequence<Kept...>) {
    using record = typename Evaluation::record;
    static_assert(
        backend_of<Backend, record>,
        "memo: the first template argument of memoize is not a backend for this result; see "
        "memo::backend_of for what a backend has");
    signature_names types{std::vector<std::string>(sizeof...(P)),
                          typeid(typename Evaluation::sample).name(), Evaluation::kind};
    using parameters = std::tuple<std::type_identity<std::remove_cvref_t<P>>...>;
    ((types.parameters[Kept] =
          typeid(typename std::tuple_element_t<Kept, parameters>::type).name()),
     ...);
    function_identity identity = identify<F, R(P...)>(
        callable.function, {options.name, options.version, options.hash_prefix},
        Backend::persistent, std::move(types), callable.fixed);
    if constexpr (requires { backend.describe(identity.scope, options.name, options.version); }) {
        backend.describe(identity.scope, options.name, options.version);
    }
    return memoized<Backend, stated<F, StateFn>, R(P...), Evaluation, Places>(
        std::move(callable), options, std::move(backend), std::move(identity));
}

} // namespace detail

/// Wraps a callable so that it remembers what it returned.
///
/// Backend         where: memo::memory, memo::none, those of memo/backends/ (disk, memcached,
///                 tiered), or a backend of yours
/// Policies        any of memo::signature<R(P...)>, memo::ignore<I...>, memo::averaged,
///                 memo::verify_full
/// callable        a function, a lambda without captures, memo::fn<&f>{}, or anything whose state
///                 is said by memo::keyed, memo::keyed_by, memo::ignore_state or a serialize()
/// options         see memo::options; memo::averaged_options with memo::averaged
/// backend         the store; copies of one share it
/// Complexity:     5 to 20 us, once; 2 ms for an averaged function
/// Throws:         memo::error: configuration, identity, name_conflict; and what opening the
///                 backend throws
template <class Backend = memory, class... Policies, class F>
[[nodiscard, gnu::visibility("hidden")]] auto
memoize(F&& callable, detail::options_for<F, Policies...> const& options = {},
        Backend backend = {}) {
    using signature = detail::signature_for<F, Policies...>;
    using full = detail::full_signature_for<F, Policies...>;
    constexpr bool accepted =
        detail::check_state<std::decay_t<F>>() && detail::check_policies<Policies...>() &&
        detail::requirements<std::decay_t<F>, signature, full, Policies...>::check();
    if constexpr (accepted) {
        using places = typename detail::kept_parameters<signature, Policies...>::places;
        auto own = std::decay_t<F>(std::forward<F>(callable));
        return detail::wrap<detail::evaluation_for<F, Policies...>, places>(
            detail::with_state(std::move(own)), options, std::move(backend),
            typename signature::function{}, places{});
    }
}

} // namespace memo
