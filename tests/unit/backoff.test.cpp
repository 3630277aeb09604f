// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/backoff.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using memo::detail::backoff;
using namespace std::chrono_literals;

TEST_CASE("waits grow with the time that has passed") {
    using us = backoff::microseconds;
    backoff between(1s, us(500), us(16'000), us(250'000));
    int waits = 0;
    while (between.wait()) {
        ++waits;
    }
    // At least half of 16 ms each until 128 ms, then a sixteenth of the time that has passed. All of
    // 8 to 16 ms would be about 83.
    CHECK(waits <= 56);
}
