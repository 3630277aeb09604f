// SPDX-License-Identifier: BSL-1.0
#pragma once

// What holds of every function's counters when no call is under way.

#include <memo/statistics.hpp>

#include <catch2/catch.hpp>

namespace memo_test {

/// Counters of a function at rest, checked against the contract and given back.
template <class Memoized> memo::statistics at_rest(Memoized const& f) {
    memo::statistics const s = f.stats();
    CHECK(s.calls == s.hits + s.misses + s.refinements + s.coalesced);
    return s;
}

} // namespace memo_test
