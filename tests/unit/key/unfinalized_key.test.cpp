// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/midstate.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <vector>

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

TEST_CASE("the bits that a table uses of consecutive numbers are spread evenly and independently") {
    constexpr std::size_t count = 200'000;
    constexpr std::size_t cells = 4096;
    std::vector<std::size_t> segments(cells);
    std::vector<std::size_t> buckets(cells);
    std::vector<std::size_t> tags(cells);
    std::vector<std::size_t> pairs(cells);
    memo::detail::hash_midstate const head(key128{7, 8});
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<std::uint64_t, 1> const words{i};
        unfinalized_key const key = head.digest(std::span(words));
        ++segments[key.low() >> 52];
        ++buckets[key.low() >> 6 & (cells - 1)];
        ++tags[key.tag() >> 4];
        ++pairs[(key.low() >> 6 & 63) * 64 + (key.tag() >> 10)];
    }
    for (auto const& each : {segments, buckets, tags, pairs}) {
        double const expected = static_cast<double>(count) / cells;
        double chi_square = 0;
        for (std::size_t const found : each) {
            double const off = static_cast<double>(found) - expected;
            chi_square += off * off / expected;
        }
        // 4095 degrees of freedom: 4095 +- 90.5
        CHECK(chi_square > 4095 - 5 * 90.5);
        CHECK(chi_square < 4095 + 5 * 90.5);
    }
}
