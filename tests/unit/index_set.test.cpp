// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/index_set.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <random>
#include <ranges>
#include <set>
#include <stdexcept>
#include <vector>

using memo::index_set;

namespace {

using indices = std::vector<std::size_t>;

static_assert(std::forward_iterator<index_set::iterator>);
static_assert(std::ranges::forward_range<index_set>);
static_assert(!std::is_constructible_v<index_set, std::vector<int>>, "a negative index has no bit");

indices in(index_set const& set) {
    return {set.begin(), set.end()};
}

} // namespace

TEST_CASE("a set iterates in ascending order") {
    CHECK(in({3, 1, 200, 63, 64, 0}) == indices{0, 1, 3, 63, 64, 200});
    CHECK(in({}).empty());
    CHECK(index_set(std::vector<std::uint32_t>{5, 2, 5}) == index_set{2, 5});
}

TEST_CASE("a universe reserves room and adds no members") {
    index_set const set(1000);
    CHECK(set.empty());
    CHECK(set.size() == 0);
    CHECK(in(set).empty());
    CHECK(set == index_set{});
}

TEST_CASE("the first n indices are 0 to n - 1") {
    CHECK(index_set::first(0).empty());
    CHECK(in(index_set::first(3)) == indices{0, 1, 2});
    CHECK(index_set::first(65).size() == 65);
    CHECK(index_set::first(64).words() == std::vector{~std::uint64_t{0}});
}

TEST_CASE("a mask is the indices at which it is true") {
    CHECK(index_set::of_mask(std::vector<bool>{false, true, true}) == index_set{1, 2});
    CHECK(index_set::of_mask(std::vector<bool>{true, false, false, false}) == index_set{0});
    CHECK(index_set::of_mask(std::array<bool, 3>{}).empty());
    std::vector<bool> mask(200);
    mask[130] = true;
    CHECK(index_set::of_mask(mask) == index_set{130});
}

TEST_CASE("a set and a mask are made from views that cannot be iterated when const") {
    auto const is_odd = [](unsigned index) { return index % 2 == 1; };
    CHECK(index_set(std::views::iota(0U, 6U) | std::views::filter(is_odd)) == index_set{1, 3, 5});
    auto in_turn = [last = false](unsigned) mutable { return last = !last; };
    CHECK(index_set::of_mask(std::views::iota(0U, 4U) | std::views::transform(in_turn)) ==
          index_set{0, 2});
}

TEST_CASE("a set without its largest index equals one that never had it") {
    index_set set{1, 1000};
    set.erase(1000);
    CHECK(set == index_set{1});
    CHECK(set.words().size() == 1);
    set.erase(999999);
    CHECK(set == index_set{1});
    set.erase(1);
    CHECK(set.empty());
    set.insert(7);
    set.clear();
    CHECK(set == index_set{});
}

TEST_CASE("an index of 2^32 or more is refused and leaves the set as it was") {
    index_set set{1};
    CHECK_THROWS_AS(set.insert(index_set::limit), std::out_of_range);
    CHECK_THROWS_AS(index_set{index_set::limit}, std::out_of_range);
    CHECK(set == index_set{1});
    CHECK_FALSE(set.contains(index_set::limit));
}

TEST_CASE("a set holds what a standard set holds after any inserts and erases") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    index_set set;
    std::set<std::size_t> expected;
    for (int step = 0; step < 20000; ++step) {
        // In every second thousand more indices are erased than inserted, so that the set becomes empty again.
        bool const shrinking = step / 1000 % 2 == 1;
        std::size_t const index = random() % 300;
        if ((random() % 4 == 0) != shrinking) {
            set.erase(index);
            expected.erase(index);
        } else {
            set.insert(index);
            expected.insert(index);
        }
        if (step % 50 == 0) {
            REQUIRE(in(set) == indices(expected.begin(), expected.end()));
            REQUIRE(set.size() == expected.size());
            REQUIRE(set.empty() == expected.empty());
            REQUIRE(set.contains(index) == expected.contains(index));
            REQUIRE((set.words().empty() || set.words().back() != 0));
        }
    }
}

TEST_CASE("the words of a set are how many there are and its bits") {
    std::vector<std::uint64_t> key_material;
    memo::detail::word_stream stream(&key_material);
    memo::detail::encode_all(stream, index_set{64, 3, 1}, index_set{});
    static_cast<void>(stream.digest());
    CHECK(key_material == std::vector<std::uint64_t>{2, 0b1010, 1, 0});
}
