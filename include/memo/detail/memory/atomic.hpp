// SPDX-License-Identifier: BSL-1.0
#pragma once

// What readers and writers of the table share is of this type: std::atomic, or what the check of all
// interleavings (tests/model) puts in its place.

#include <atomic>

namespace memo::detail {

#if defined(MEMO_TABLE_ATOMIC)
template <class T> using shared = MEMO_TABLE_ATOMIC<T>;
#else
template <class T> using shared = std::atomic<T>;
#endif

} // namespace memo::detail
