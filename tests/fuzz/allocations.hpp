// SPDX-License-Identifier: BSL-1.0
#pragma once

// How much a piece of code asks of the heap: hostile bytes must not make a reader allocate what they
// cannot fill.

#include <cstddef>

namespace memo_test {

/// Bytes that this program has asked operator new for so far, given back or not.
std::size_t allocated() noexcept;

} // namespace memo_test
