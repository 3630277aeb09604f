// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/record/sample_id.hpp>

#include <cstdint>

#if defined(__linux__)
#include <cerrno>
#include <system_error>
#include <unistd.h>
#else
#include <random>
#endif

namespace memo::detail {

// Always from the system: after a fork, parent and child would share the state of a generator. On Linux not
// std::random_device, because <random> is the slowest header (docs/decisions/0040-compile-time.md).
MEMO_DEFINITION std::uint64_t random_word() {
#if defined(__linux__)
    std::uint64_t word = 0;
    if (::getentropy(&word, sizeof word) != 0) {
        throw std::system_error(errno, std::generic_category(), "memo: getentropy");
    }
    return word;
#else
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
#endif
}

MEMO_DEFINITION std::uint64_t random_incarnation() {
    return random_word() | 1;
}

MEMO_DEFINITION std::uint64_t random_number() {
    return random_word() | std::uint64_t{1} << 63;
}

// splitmix64 (Steele, Lea, Flood 2014, OOPSLA, figure 13) is a bijection.
MEMO_DEFINITION replicate replicate_of(key128 key, sample_id by) {
    std::uint64_t z = (key.low ^ key.high) + (by.number + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return {by.number, z ^ (z >> 31)};
}

} // namespace memo::detail
