// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key_map.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

using memo::key128;
using memo::detail::key_map;
using memo::detail::mapped;

namespace {

struct counted : mapped {
    counted(int number, int& alive) : value(number), alive_(alive) {
        if (number < 0) {
            throw std::invalid_argument("negative");
        }
        ++alive_;
    }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() override { --alive_; }

    int value;

  private:
    int& alive_;
};

} // namespace

TEST_CASE("a key map owns its objects") {
    int alive = 0;
    {
        key_map<counted> map;
        CHECK(map.find({1, 2}) == nullptr);
        counted& one = map.add({1, 2}, 10, alive);
        map.add({2, 1}, 20, alive);
        CHECK(map.find({1, 2}) == &one);
        CHECK(map.find({2, 1})->value == 20);
        CHECK(map.size() == 2);
        CHECK(alive == 2);
        map.erase({1, 2});
        CHECK(map.find({1, 2}) == nullptr);
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

TEST_CASE("a visit of a key map ends when the visitor returns false") {
    int alive = 0;
    key_map<counted> map;
    for (int number = 0; number < 5; ++number) {
        map.add({static_cast<std::uint64_t>(number), 0}, number, alive);
    }
    int sum = 0;
    map.for_each([&](counted const& each) {
        sum += each.value;
        return true;
    });
    CHECK(sum == 10);
    int visits = 0;
    map.for_each([&](counted const&) { return ++visits < 3; });
    CHECK(visits == 3);
}

TEST_CASE("a key map is unchanged if a constructor throws") {
    int alive = 0;
    key_map<counted> map;
    CHECK_THROWS_AS(map.add({1, 1}, -1, alive), std::invalid_argument);
    CHECK(map.size() == 0);
    CHECK(map.find({1, 1}) == nullptr);
}

TEST_CASE("the owner of a key's object can be replaced") {
    int alive = 0;
    key_map<counted> map;
    map.add({1, 1}, 1, alive);
    std::unique_ptr<mapped> const first = std::move(map[{1, 1}]);
    map[{1, 1}] = std::make_unique<counted>(2, alive);
    CHECK(map.find({1, 1})->value == 2);
    CHECK(alive == 2);
}
