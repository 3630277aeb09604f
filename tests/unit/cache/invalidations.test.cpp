// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/detail/cache/invalidations.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

using memo::detail::invalidation_log;
using memo_test::key_of;

namespace {

bool nothing() {
    return false;
}

} // namespace

TEST_CASE("an invalidation covers its own key since any moment before its end") {
    invalidation_log log;
    auto const before = log.now();
    std::uint64_t within = 0;
    CHECK(log.invalidate(key_of(1), [&] {
        within = log.now();
        return true;
    }));
    CHECK(log.includes(key_of(1), before));
    CHECK(log.includes(key_of(1), within));
    CHECK_FALSE(log.includes(key_of(1), log.now()));
    CHECK_FALSE(log.includes(key_of(2), before));
    log.invalidate(key_of(2), nothing);
    CHECK(log.includes(key_of(1), before));
    CHECK(log.includes(key_of(2), before));
}

TEST_CASE("an invalidation of all records covers every key") {
    invalidation_log log;
    log.invalidate(key_of(1), nothing);
    auto const before = log.now();
    log.invalidate_all([] {});
    auto const after = log.now();
    log.invalidate(key_of(2), nothing);
    CHECK(log.includes(key_of(1), before));
    CHECK_FALSE(log.includes(key_of(1), after));
    CHECK(log.includes(key_of(2), after));
}

TEST_CASE(
    "hundreds of invalidations are distinguished, and with more every key counts as invalidated") {
    invalidation_log log;
    log.invalidate(key_of(1), nothing);
    auto const before = log.now();
    for (std::uint64_t i = 2; i < 500; ++i) {
        log.invalidate(key_of(i), nothing);
        CHECK_FALSE(log.includes(key_of(1), before));
        CHECK(log.includes(key_of(2), before));
    }
    auto const later = log.now();
    for (std::uint64_t i = 500; i < 900; ++i) {
        log.invalidate(key_of(i), nothing);
    }
    CHECK(log.includes(key_of(1), before));
    CHECK_FALSE(log.includes(key_of(1), later));
    CHECK_FALSE(log.includes(key_of(499), later));
    CHECK(log.includes(key_of(500), later));
    CHECK(log.includes(key_of(899), later));
}
