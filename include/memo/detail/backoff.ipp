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
                                 microseconds max_wait, microseconds longest_wait)
    : begin_(clock::now()),
      until_(begin_ + limit),
      wait_(first_wait),
      max_wait_(max_wait),
      longest_wait_((std::max)(max_wait, longest_wait)) {}

MEMO_DEFINITION bool backoff::wait() {
    clock::time_point const now = clock::now();
    if (now >= until_) {
        return false;
    }
    if (wait_.count() != 0) {
        static thread_local std::minstd_rand random(std::random_device{}());
        std::uniform_int_distribution<std::uint32_t> time(wait_.count() / 2, wait_.count());
        std::this_thread::sleep_for(microseconds(time(random)));
    }
    constexpr microseconds min_wait(20); // about three round trips to a local server
    auto const grown = std::chrono::duration_cast<std::chrono::microseconds>((now - begin_) / 8);
    std::chrono::microseconds const max_wait =
        std::clamp<std::chrono::microseconds>(grown, max_wait_, longest_wait_);
    wait_ = std::clamp(2 * wait_, min_wait, microseconds(max_wait));
    return true;
}

} // namespace memo::detail
