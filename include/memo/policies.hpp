// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is said of a function in angle brackets: `memo::memoize<Backend, Policies...>(f)`, in any order.

#include <cstddef>
#include <type_traits>

namespace memo {

/// Policy of memoize: names the parameters of a generic or overloaded callable,
/// `memo::signature<double(int)>`.
template <class Function> struct signature;
template <class R, class... P> struct signature<R(P...)> {
    using function = std::type_identity<R(P...)>;
};

/// Policy of memoize: these parameters, counted from 0, are passed on but are not in the key.
template <std::size_t... Indices> struct ignore {};

/// Policy of memoize: the function is noisy, and its cached value is the mean of its results.
struct averaged {};

/// Policy of memoize: every record keeps the whole canonical stream of its arguments, and a hit
/// whose stream differs is a counted miss. For users to whom 128 bits of hash are not enough; costs
/// the stream's bytes in every entry.
struct verify_full {};

} // namespace memo
