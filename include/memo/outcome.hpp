// SPDX-License-Identifier: BSL-1.0
#pragma once

// A value together with where it came from.

namespace memo {

/// Where a value came from: the cache, this call's evaluation, samples added to a record, another
/// caller's evaluation.
enum class source { hit, computed, refined, coalesced };

/// A value and where it came from.
template <class R> struct outcome {
    R value;
    memo::source source;
};

} // namespace memo
