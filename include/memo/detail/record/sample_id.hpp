// SPDX-License-Identifier: BSL-1.0
#pragma once

// The ids and seeds of the samples of one key.

#include <memo/key128.hpp>
#include <memo/replicate.hpp>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <unistd.h>

namespace memo::detail {

/// The number of a sample within a record.
struct sample_id {
    std::uint64_t number = 0;
    std::uint64_t incarnation = 0; ///< of the record that assigned it; 0: none did
};

// Always from the system: after a fork, parent and child would share the state of a generator. Not
// std::random_device, because <random> is the slowest header (docs/decisions/0040-compile-time.md).
inline std::uint64_t random_word() {
    std::uint64_t word = 0;
    if (::getentropy(&word, sizeof word) != 0) {
        throw std::system_error(errno, std::generic_category(), "memo: getentropy");
    }
    return word;
}

/// The incarnation of a new record. Never 0.
inline std::uint64_t random_incarnation() {
    return random_word() | 1;
}

/// A sample number while the backend is unreachable: at least 2^63, above all numbers in records.
inline std::uint64_t random_number() {
    return random_word() | std::uint64_t{1} << 63;
}

/// Different numbers of one key have different seeds, because splitmix64 (Steele, Lea, Flood 2014,
/// OOPSLA, figure 13) is a bijection.
inline replicate replicate_of(key128 key, sample_id by) {
    std::uint64_t z = (key.low ^ key.high) + (by.number + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return {by.number, z ^ (z >> 31)};
}

} // namespace memo::detail
