// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/byte_store/cached_generation.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using memo::detail::cached_generation;
using namespace std::chrono_literals;

namespace {

constexpr cached_generation::clock::time_point now{1h};

} // namespace

TEST_CASE("a generation is fresh for a second after it was read") {
    cached_generation generation;
    CHECK(generation.fresh(now) == 0);
    generation.loaded(0, 7, now);
    CHECK(generation.fresh(now + 1s - 1ns) == 7);
    CHECK(generation.fresh(now + 1s) == 0);
    CHECK(generation.number() == 7);
}

TEST_CASE("a generation that was read before the store was replaced is not fresh") {
    cached_generation generation;
    generation.loaded(0, 7, now);
    CHECK(generation.fresh(now + 2ms, now) == 7);
    CHECK(generation.fresh(now + 2ms, now + 1ms) == 0);
    generation.loaded(7, 9, now + 1ms);
    CHECK(generation.fresh(now + 2ms, now + 1ms) == 9);
}

TEST_CASE("no generation is fresh while a clear is pending, nor before the next read") {
    cached_generation generation;
    generation.loaded(0, 7, now);
    generation.request_clear();
    CHECK(generation.is_clear_pending());
    CHECK(generation.fresh(now) == 0);
    generation.cleared(generation.clears(), 9);
    CHECK_FALSE(generation.is_clear_pending());
    CHECK(generation.fresh(now) == 0);
    generation.loaded(9, 9, now);
    CHECK(generation.fresh(now) == 9);
}

TEST_CASE("a generation that was read before a clear does not undo the clear") {
    cached_generation generation;
    generation.loaded(0, 7, now);
    generation.request_clear();
    generation.cleared(generation.clears(), 9);
    generation.loaded(7, 7, now); // by a thread that began before the clear
    CHECK(generation.number() == 9);
    CHECK(generation.fresh(now) == 0);
}

TEST_CASE("of two clears each makes up for those that were requested before it") {
    cached_generation generation;
    generation.request_clear();
    auto const first = generation.clears();
    generation.request_clear();
    generation.cleared(first, 8);
    CHECK(generation.is_clear_pending());
    generation.cleared(generation.clears(), 9);
    CHECK_FALSE(generation.is_clear_pending());
    generation.cleared(first, 8); // a thread that was slow
    CHECK_FALSE(generation.is_clear_pending());
}
