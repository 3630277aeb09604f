// SPDX-License-Identifier: BSL-1.0
#pragma once

// The slot of the calling thread.

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <cstddef>

namespace memo::detail {

// Each module has its own pointer to the one slot of the thread; null before its first use.
[[gnu::visibility("hidden")]] inline constinit thread_local thread_slot* cached_thread_slot =
    nullptr;

/// The size of arrays of per-thread data. Threads with higher numbers have no place in them.
inline constexpr std::size_t no_place = 128;

[[nodiscard]] inline std::size_t place_of(thread_slot const& slot) noexcept {
    return slot.number < no_place ? slot.number : no_place;
}

/// The place of the calling thread; no_place until it has a slot in this module.
[[gnu::visibility("hidden")]] inline constinit thread_local std::size_t place_of_this_thread =
    no_place;

/// Runs again if the thread runs destructors after it has released its slot.
[[gnu::visibility("hidden")]] thread_slot& acquire_thread_slot();

/// The slot of the calling thread.
///
/// Complexity:     O(1); the first call in a thread takes a lock
/// Thread safety:  safe
/// Throws:         std::bad_alloc, only at the first call in a thread
[[nodiscard, gnu::visibility("hidden")]] inline thread_slot& this_thread_slot() {
    thread_slot* const slot = cached_thread_slot;
    return slot != nullptr ? *slot : acquire_thread_slot();
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "this_thread_slot.ipp"
#endif
