// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/encode_ranges.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace memo::detail {

// Templates, so that a header-only program compiles only what its arguments need.

template <class T> void sort_values(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
}

template <class T> void sort_distinct(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

#if defined(MEMO_COMPILED)
template void sort_values(std::vector<key128>& values);
template void sort_distinct(std::vector<key128>& values);
template void sort_distinct(std::vector<std::uint64_t>& values);
#endif

} // namespace memo::detail
