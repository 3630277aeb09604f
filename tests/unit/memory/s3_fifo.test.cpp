// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/detail/memory/s3_fifo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

using memo::detail::key_use;
using memo::detail::s3_fifo;
using memo_test::key_of;

namespace {

constexpr auto never_visited = [](std::uint64_t) { return key_use::unvisited; };

} // namespace

TEST_CASE("an order of stale keys has no victim") {
    s3_fifo order;
    order.insert(1);
    order.insert(2);
    CHECK(order.victim([](std::uint64_t key) {
        return key == 2 ? key_use::unvisited : key_use::stale;
    }) == 2U);
    order.insert(3);
    CHECK(order.victim([](std::uint64_t) { return key_use::stale; }) == 0);
    CHECK(order.victim(never_visited) == 0);
}

TEST_CASE("visited entries are evicted after the others") {
    s3_fifo order;
    for (std::uint64_t key = 1; key <= 3; ++key) {
        order.insert(key);
    }
    bool visited = true;
    auto const test_and_clear_visited = [&](std::uint64_t key) {
        return key == 1 && std::exchange(visited, false) ? key_use::visited : key_use::unvisited;
    };
    CHECK(order.victim(test_and_clear_visited) == 2U);
    CHECK(order.victim(test_and_clear_visited) == 3U);
    CHECK(order.victim(test_and_clear_visited) == 1U);
}

TEST_CASE("endless visits do not prevent eviction") {
    s3_fifo order;
    order.insert(1);
    order.insert(2);
    CHECK(order.victim([](std::uint64_t) { return key_use::visited; }) != 0);
}

TEST_CASE("a split preserves the order of both halves") {
    s3_fifo order;
    for (std::uint64_t key = 1; key <= 200; ++key) {
        order.insert(key);
    }
    for (std::uint64_t const parity : {0U, 1U}) {
        auto half = order.copy_if([&](std::uint64_t key) { return key % 2 == parity; });
        std::vector<std::uint64_t> keys;
        while (std::uint64_t const key = half.victim(never_visited)) {
            keys.push_back(key);
        }
        CHECK(keys.size() == 100);
        CHECK(std::ranges::is_sorted(keys));
        CHECK(std::ranges::all_of(keys, [&](std::uint64_t key) { return key % 2 == parity; }));
    }
}

TEST_CASE("keys that are erased and inserted again do not lengthen the order") {
    s3_fifo order;
    order.insert(1);
    for (std::uint64_t key = 2; key < 1000; ++key) {
        order.insert(key);
        order.compact(1, [](std::uint64_t each) { return each == 1; });
    }
    int checks = 0;
    auto const test_and_clear_visited = [&](std::uint64_t key) {
        ++checks;
        return key == 1 ? key_use::unvisited : key_use::stale;
    };
    CHECK(order.victim(test_and_clear_visited) == 1U);
    CHECK(checks <= 70);
}

TEST_CASE("compaction has amortized constant cost") {
    s3_fifo order;
    constexpr std::uint64_t count = 300;
    std::uint64_t checks = 0;
    std::uint64_t erased = 0;
    for (int round = 0; round < 10; ++round) {
        for (std::uint64_t number = 0; number < count; ++number) {
            erased = key_of(number).low | 1;
            order.compact(count - 1, [&](std::uint64_t key) {
                ++checks;
                return key != erased;
            });
            order.insert(erased);
        }
    }
    CHECK(checks < 10 * count * 5);
}

TEST_CASE("an evicted key is a ghost until it returns or others overwrite it") {
    std::mt19937_64 random(Catch::rngSeed());
    memo::detail::ghosts evicted;
    auto const first = random();
    evicted.insert(first);
    CHECK_FALSE(evicted.erase(first ^ std::uint64_t{1} << 40));
    CHECK(evicted.erase(first));
    CHECK_FALSE(evicted.erase(first));
    std::vector<std::uint64_t> keys(20'000);
    std::ranges::generate(keys, [&] { return random(); });
    for (auto const key : keys) {
        evicted.insert(key);
    }
    auto const found =
        std::ranges::count_if(keys, [&](std::uint64_t key) { return evicted.erase(key); });
    CHECK(found > 400);
    CHECK(found <= 512);
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
