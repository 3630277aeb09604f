// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/list.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <vector>

using memo::detail::list;

namespace {

struct fragile {
    explicit fragile(int value) {
        if (value < 0) {
            throw std::invalid_argument("negative");
        }
    }
};

} // namespace

TEST_CASE("an empty list visits nothing") {
    list<int> const none;
    none.for_each([](int) { FAIL("there is nothing"); });
}

TEST_CASE("a list has its newest value first and moves none") {
    list<int> all;
    std::vector<int const*> places;
    for (int i = 0; i < 3; ++i) {
        places.push_back(&all.add(i));
        CHECK(&all.newest() == places.back());
    }
    std::vector<int> visited;
    all.for_each([&](int const& each) {
        visited.push_back(each);
        CHECK(&each == places[static_cast<std::size_t>(each)]);
    });
    CHECK(visited == std::vector{2, 1, 0});
}

TEST_CASE("a value that cannot be made is not added to a list") {
    list<fragile> all;
    all.add(1);
    CHECK_THROWS_AS(all.add(-1), std::invalid_argument);
    int count = 0;
    all.for_each([&](fragile const&) { ++count; });
    CHECK(count == 1);
}

TEST_CASE("the end of a list is the end of its values") {
    auto const value = std::make_shared<int>(1);
    {
        list<std::shared_ptr<int>> all;
        all.add(value);
        all.add(value);
        CHECK(value.use_count() == 3);
    }
    CHECK(value.use_count() == 1);
}
