// SPDX-License-Identifier: BSL-1.0
#pragma once

// The invariant of every function's counters without calls in flight.

#include <memo/statistics.hpp>

#include <catch2/catch.hpp>

namespace memo_test {

/// Checks the counters of a function at rest, and returns them.
template <class Memoized> memo::statistics at_rest(Memoized const& f) {
    memo::statistics const s = f.stats();
    CHECK(s.calls == s.hits + s.misses + s.refinements + s.coalesced);
    return s;
}

} // namespace memo_test
