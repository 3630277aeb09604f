// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/detail/memory/s3_fifo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

using memo::detail::s3_fifo;
using memo_test::key_of;

namespace {

constexpr auto never_visited = [](std::uint64_t) { return std::optional(false); };

} // namespace

TEST_CASE("an order whose entries are all gone has no victim") {
    s3_fifo order;
    order.insert(1);
    order.insert(2);
    CHECK(order.victim([](std::uint64_t key) {
        return key == 2 ? std::optional(false) : std::nullopt;
    }) == 2U);
    order.insert(3);
    CHECK_FALSE(order.victim([](std::uint64_t) { return std::optional<bool>(); }).has_value());
    CHECK_FALSE(order.victim(never_visited).has_value());
}

TEST_CASE("an entry that was asked for again is evicted after those that were not") {
    s3_fifo order;
    for (std::uint64_t key = 1; key <= 3; ++key) {
        order.insert(key);
    }
    bool visited = true;
    auto const take_visited = [&](std::uint64_t key) {
        return std::optional(key == 1 && std::exchange(visited, false));
    };
    CHECK(order.victim(take_visited) == 2U);
    CHECK(order.victim(take_visited) == 3U);
    CHECK(order.victim(take_visited) == 1U);
}

TEST_CASE("visits that never end do not keep a victim from being found") {
    s3_fifo order;
    order.insert(1);
    order.insert(2);
    CHECK(order.victim([](std::uint64_t) { return std::optional(true); }).has_value());
}

TEST_CASE("a split leads each key to its half, in order") {
    s3_fifo order;
    for (std::uint64_t key = 1; key <= 200; ++key) {
        order.insert(key);
    }
    for (std::uint64_t const rest : {0U, 1U}) {
        auto half = order.part([&](std::uint64_t key) { return key % 2 == rest; });
        std::vector<std::uint64_t> keys;
        while (auto const key = half.victim(never_visited)) {
            keys.push_back(*key);
        }
        CHECK(keys.size() == 100);
        CHECK(std::ranges::is_sorted(keys));
        CHECK(std::ranges::all_of(keys, [&](std::uint64_t key) { return key % 2 == rest; }));
    }
}

TEST_CASE("keys that come and go do not lengthen the order") {
    s3_fifo order;
    order.insert(1);
    for (std::uint64_t key = 2; key < 1000; ++key) {
        order.insert(key);
        order.tidy(1, [](std::uint64_t each) { return each == 1; });
    }
    int asked = 0;
    auto const take_visited = [&](std::uint64_t key) {
        ++asked;
        return key == 1 ? std::optional(false) : std::nullopt;
    };
    CHECK(order.victim(take_visited) == 1U);
    CHECK(asked <= 70);
}

TEST_CASE("the order is not gone through for each entry that is forgotten and inserted anew") {
    s3_fifo order;
    constexpr std::uint64_t count = 300;
    std::uint64_t asked = 0;
    std::uint64_t erased = 0;
    for (int round = 0; round < 10; ++round) {
        for (std::uint64_t number = 0; number < count; ++number) {
            erased = key_of(number).low | 1;
            order.tidy(count - 1, [&](std::uint64_t key) {
                ++asked;
                return key != erased;
            });
            order.insert(erased);
        }
    }
    CHECK(asked < 10 * count * 5);
}

TEST_CASE("each evicted key is a ghost once, until others overwrite it") {
    std::mt19937_64 random(Catch::rngSeed());
    memo::detail::ghosts evicted;
    auto const first = random();
    evicted.remember(first);
    CHECK_FALSE(evicted.take(first ^ std::uint64_t{1} << 40));
    CHECK(evicted.take(first));
    CHECK_FALSE(evicted.take(first));
    std::vector<std::uint64_t> keys(20'000);
    std::ranges::generate(keys, [&] { return random(); });
    for (auto const key : keys) {
        evicted.remember(key);
    }
    auto const known =
        std::ranges::count_if(keys, [&](std::uint64_t key) { return evicted.take(key); });
    CHECK(known > 400);
    CHECK(known <= 512);
}

TEST_CASE("a ring buffer returns its keys in their order while it wraps and grows") {
    memo::detail::ring_buffer queue;
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    for (std::size_t round = 0; round < 200; ++round) {
        for (std::size_t i = 0; i < 5; ++i) {
            queue.push(in++);
        }
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(queue.pop() == out++);
        }
        CHECK(queue.size() == in - out);
        CHECK(queue[0] == out);
        CHECK(queue[queue.size() - 1] == in - 1);
    }
    while (!queue.empty()) {
        CHECK(queue.pop() == out++);
    }
    CHECK(out == in);
}
