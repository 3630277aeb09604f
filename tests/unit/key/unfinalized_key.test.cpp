// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/midstate.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <random>
#include <set>
#include <span>

using memo::key128;
using memo::detail::unfinalized_key;

TEST_CASE("a key is the same after its last step is reversed and repeated") {
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        key128 const key{random(), random()};
        REQUIRE(key128(unfinalized_key(key)) == key);
    }
    for (std::uint64_t const edge : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX}) {
        key128 const key{edge, edge};
        CHECK(key128(unfinalized_key(key)) == key);
    }
}

TEST_CASE("an unfinalized key has the tag of the finalized one") {
    std::mt19937_64 random(2);
    std::set<std::uint16_t> tags;
    for (int i = 0; i < 10'000; ++i) {
        memo::detail::hash_midstate const head(key128{random(), random()});
        std::array<std::uint64_t, 3> const words{random(), random(), random()};
        unfinalized_key const made = head.digest(std::span(words));
        REQUIRE(unfinalized_key(key128(made)) == made);
        REQUIRE(unfinalized_key(key128(made)).tag() == made.tag());
        tags.insert(made.tag());
    }
    CHECK(tags.size() > 9'000); // of 65 536: about 9 270 if they are even
}
