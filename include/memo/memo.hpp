// SPDX-License-Identifier: BSL-1.0
#pragma once

// The main header: `memo::memoize<memo::memory>(f)`.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>
#include <memo/backends/memory.hpp>
#include <memo/backends/none.hpp>
#include <memo/callable.hpp>
#include <memo/detail/wrap/make_memoized.hpp>
#include <memo/detail/wrap/policy_traits.hpp>
#include <memo/detail/wrap/requirements.hpp>
#include <memo/detail/wrap/wrong_calls.hpp>
#include <memo/error.hpp>
#include <memo/estimate.hpp>
#include <memo/fingerprint.hpp>
#include <memo/index_set.hpp>
#include <memo/key128.hpp>
#include <memo/memoized.hpp>
#include <memo/options.hpp>
#include <memo/parameters.hpp>
#include <memo/policies.hpp>
#include <memo/replicate.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>
#include <memo/tools/report.hpp>
#include <memo/version.hpp>

#include <utility>

namespace memo {

/// Wraps a callable so that its results are cached.
///
/// Backend         memo::memory, memo::none, one of memo/backends/ (disk, memcached, tiered), or your own
/// Policies        any of memo::signature<R(P...)>, memo::ignore<I...>, memo::averaged,
///                 memo::verify_full
/// callable        a function, a lambda without captures, memo::fn<&f>{}, or a callable whose state
///                 memo::keyed, memo::keyed_by, memo::ignore_state or a serialize() declares
/// options         see memo::options; memo::averaged_options with memo::averaged
/// backend         a handle to the store; copies share it
/// Complexity:     5 to 20 us; 2 ms for an averaged function
/// Throws:         memo::error: configuration, identity, name_conflict; exceptions of the backend's
///                 partition()
template <class Backend = memory, class... Policies, class F>
[[nodiscard, gnu::visibility("hidden")]] auto
memoize(F&& callable, detail::options_for<F, Policies...> const& options = {},
        Backend backend = {}) {
    using evaluation = detail::evaluation_for<F, Policies...>;
    using finding = detail::finding_for<evaluation, Backend, F, Policies...>;
    if constexpr (finding::found == detail::mistake::none) {
        return detail::wrap<evaluation, Policies...>(std::forward<F>(callable), options,
                                                     std::move(backend));
    } else {
        detail::refuse<finding::found, typename finding::culprit>();
        return detail::refused<detail::signature_for<F, Policies...>>();
    }
}

/// The same with `interval = memo::betting`.
template <class Backend = memory, class... Policies, class F>
[[nodiscard, gnu::visibility("hidden")]] auto
memoize(F&& callable,
        typename detail::betting_evaluation_for<F, Policies...>::options const& options,
        Backend backend = {}) {
    using evaluation = detail::betting_evaluation_for<F, Policies...>;
    using finding = detail::finding_for<evaluation, Backend, F, Policies...>;
    if constexpr (finding::found == detail::mistake::none) {
        return detail::wrap<evaluation, Policies...>(std::forward<F>(callable), options,
                                                     std::move(backend));
    } else {
        detail::refuse<finding::found, typename finding::culprit>();
        return detail::refused<detail::signature_for<F, Policies...>>();
    }
}

using detail::wrong_calls::memoize; // refuses calls that fit neither

} // namespace memo

#pragma GCC diagnostic pop
