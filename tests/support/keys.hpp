// SPDX-License-Identifier: BSL-1.0
#pragma once

// Keys of numbers, as evenly distributed as real ones.

#include <memo/detail/key/hash.hpp>
#include <memo/key128.hpp>

#include <cstdint>

namespace memo_test {

inline memo::key128 key_of(std::uint64_t number) {
    return memo::detail::hash128(&number, sizeof number);
}

} // namespace memo_test
