// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/encode_ranges.hpp>

#include <algorithm>
#include <vector>

namespace memo::detail {

MEMO_DEFINITION void sort_digests(std::vector<key128>& digests) {
    std::sort(digests.begin(), digests.end());
}

} // namespace memo::detail
