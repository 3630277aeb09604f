// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/memo.hpp>

#include <string>
#include <vector>

namespace identity {

/// One place that memoizes: the key of f(5), what f(5) is, and what came back through a shared
/// backend.
struct site {
    std::string what;
    memo::key128 key;
    int computed;
    int remembered;
};

/// The argument that every site is called with, so that only the scopes can keep the keys apart.
inline constexpr int argument = 5;

/// Memoizes `callable` in `shared`.
template <class F>
[[gnu::visibility("hidden")]] site visit(std::string what, F callable, memo::memory const& shared) {
    auto const memoized = memo::memoize<memo::memory>(callable, {}, shared);
    return {std::move(what), memoized.key(argument), callable(argument), memoized(argument)};
}

} // namespace identity
