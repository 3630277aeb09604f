// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/flow/drops.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

using memo::detail::drops;
using memo_test::key_of;

namespace {

bool nothing() {
    return false;
}

} // namespace

TEST_CASE("a drop includes its own key since any moment before its end") {
    drops dropped;
    auto const before = dropped.now();
    std::uint64_t within = 0;
    CHECK(dropped.drop(key_of(1), [&] {
        within = dropped.now();
        return true;
    }));
    CHECK(dropped.include(key_of(1), before));
    CHECK(dropped.include(key_of(1), within));
    CHECK_FALSE(dropped.include(key_of(1), dropped.now()));
    CHECK_FALSE(dropped.include(key_of(2), before));
    dropped.drop(key_of(2), nothing);
    CHECK(dropped.include(key_of(1), before));
    CHECK(dropped.include(key_of(2), before));
}

TEST_CASE("a drop of all keys includes every key") {
    drops dropped;
    dropped.drop(key_of(1), nothing);
    auto const before = dropped.now();
    dropped.drop_all([] {});
    auto const after = dropped.now();
    dropped.drop(key_of(2), nothing);
    CHECK(dropped.include(key_of(1), before));
    CHECK_FALSE(dropped.include(key_of(1), after));
    CHECK(dropped.include(key_of(2), after));
}

TEST_CASE("hundreds of drops are told apart, of more than that all keys may have been dropped") {
    drops dropped;
    dropped.drop(key_of(1), nothing);
    auto const before = dropped.now();
    for (std::uint64_t i = 2; i < 500; ++i) {
        dropped.drop(key_of(i), nothing);
        CHECK_FALSE(dropped.include(key_of(1), before));
        CHECK(dropped.include(key_of(2), before));
    }
    auto const later = dropped.now();
    for (std::uint64_t i = 500; i < 900; ++i) {
        dropped.drop(key_of(i), nothing);
    }
    CHECK(dropped.include(key_of(1), before));
    CHECK_FALSE(dropped.include(key_of(1), later));
    CHECK_FALSE(dropped.include(key_of(499), later));
    CHECK(dropped.include(key_of(500), later));
    CHECK(dropped.include(key_of(899), later));
}
