// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/memory/ring_buffer.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>

TEST_CASE("a queue gives its keys in their order, while it goes round and grows") {
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
