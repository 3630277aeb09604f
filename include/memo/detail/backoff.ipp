// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/backoff.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

namespace memo::detail {

MEMO_DEFINITION backoff::backoff(std::chrono::nanoseconds limit, microseconds first_wait,
                                 microseconds max_wait)
    : until_(clock::now() + limit), wait_(first_wait), max_wait_(max_wait) {}

MEMO_DEFINITION bool backoff::wait() {
    if (clock::now() >= until_) {
        return false;
    }
    if (wait_.count() != 0) {
        static thread_local std::minstd_rand random(std::random_device{}());
        std::uniform_int_distribution<std::uint32_t> time(wait_.count() / 2, wait_.count());
        std::this_thread::sleep_for(microseconds(time(random)));
    }
    constexpr microseconds min_wait(20); // about three round trips to a local server
    wait_ = std::clamp(2 * wait_, min_wait, max_wait_);
    return true;
}

} // namespace memo::detail
