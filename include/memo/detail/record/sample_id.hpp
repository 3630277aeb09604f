// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers for the samples of one key, and the seeds that they give.

#include <memo/key128.hpp>
#include <memo/replicate.hpp>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <unistd.h>

namespace memo::detail {

/// The right to draw one numbered sample.
struct sample_id {
    std::uint64_t number = 0;
    std::uint64_t incarnation = 0; ///< of the record that numbers it; 0: no record does
};

// From the system each time: a generator's state would be the same on both sides of a fork. Not by std::random_device:
// <random> is the most costly header that memo.hpp could include (docs/decisions/0040-compile-time.md).
inline std::uint64_t random_word() {
    std::uint64_t word = 0;
    if (::getentropy(&word, sizeof word) != 0) {
        throw std::system_error(errno, std::generic_category(), "memo: getentropy");
    }
    return word;
}

/// What tells a record from all others that are made for its key. Never 0.
inline std::uint64_t random_incarnation() {
    return random_word() | 1;
}

/// The number of a sample that no record numbers: far from those that records give.
inline std::uint64_t random_number() {
    return random_word() | std::uint64_t{1} << 63;
}

/// Different numbers of one key have different seeds: splitmix64 (Steele, Lea, Flood 2014, OOPSLA,
/// figure 13) is one to one.
inline replicate replicate_of(key128 key, sample_id by) {
    std::uint64_t z = (key.low ^ key.high) + (by.number + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return {by.number, z ^ (z >> 31)};
}

} // namespace memo::detail
