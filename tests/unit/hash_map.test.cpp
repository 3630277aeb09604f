// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/hash_map.hpp>

#include <catch2/catch.hpp>

#include <any>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using memo::detail::hash_map;

TEST_CASE("an empty map finds, erases and visits nothing") {
    hash_map<std::string, int> map;
    map.erase("a");
    map.clear();
    map.for_each([](std::string const&, int) { FAIL("there is nothing"); });
    CHECK(map.size() == 0);
    CHECK(map.find("a") == nullptr);
}

TEST_CASE("a map finds exactly the added keys while it grows") {
    hash_map<std::size_t, std::size_t> map;
    std::vector<std::size_t const*> places;
    for (std::size_t i = 0; i < 1000; ++i) {
        places.push_back(&map.add(i, i * i));
    }
    for (std::size_t i = 0; i < 1000; ++i) {
        CHECK(map.find(i) == places[i]); // it stays where it is
        CHECK(*places[i] == i * i);
    }
    CHECK(map.find(1000) == nullptr);
    CHECK(map.size() == 1000);
}

TEST_CASE("an erase removes one key of a chain and frees its value") {
    hash_map<std::size_t, std::shared_ptr<int>> map;
    auto const value = std::make_shared<int>(1);
    for (std::size_t i = 0; i < 64; i += 8) { // all in the first chain of eight
        map.add(i, value);
    }
    map.erase(24);
    map.erase(24);
    CHECK(map.size() == 7);
    CHECK(value.use_count() == 8);
    CHECK(map.find(24) == nullptr);
    CHECK(map.find(32) != nullptr);
    map.clear();
    CHECK(map.size() == 0);
    CHECK(value.use_count() == 1);
}

TEST_CASE("a value that could be a list of itself is added as it is") {
    hash_map<std::size_t, std::vector<std::any>> map;
    CHECK(map.add(1, std::vector<std::any>{1, 2}).size() == 2);
}

TEST_CASE("a value that cannot be made is not added") {
    struct refuses {
        refuses() = default;
        explicit refuses(int) { throw std::runtime_error("no"); }
    };
    hash_map<std::size_t, refuses> map;
    CHECK_THROWS_AS(map.add(1, 1), std::runtime_error);
    CHECK(map.size() == 0);
    CHECK(map.find(1) == nullptr);
}

TEST_CASE("the index operator creates a value only for a missing key") {
    hash_map<std::string, int> map;
    map["a"] += 1;
    map["a"] += 1;
    map["b"] += 5;
    int sum = 0;
    map.for_each([&](std::string const& key, int value) {
        CHECK(value == (key == "a" ? 2 : 5));
        sum += value;
    });
    CHECK(sum == 7);
}
