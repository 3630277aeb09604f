// SPDX-License-Identifier: BSL-1.0
#pragma once

// The policies of `memo::memoize<Backend, Policies...>(f)`, in any order.

#include <cstddef>
#include <type_traits>

namespace memo {

/// Policy of memoize: names the parameters of a generic or overloaded callable,
/// `memo::signature<double(int)>`.
template <class Function> struct signature;
template <class R, class... P> struct signature<R(P...)> {
    using function = std::type_identity<R(P...)>;
};

/// Policy of memoize: these parameters, counted from 0, reach the function but are not in the key.
template <std::size_t... Indices> struct ignore {};

/// Policy of memoize: the function is noisy; its cached value is the mean of its results.
struct averaged {};

/// Policy of memoize: every record contains the whole key material of its call, and a lookup that finds
/// other material is a miss. For users to whom 128 bits of hash are not enough; costs the bytes of the
/// material in every entry.
struct verify_full {};

} // namespace memo
