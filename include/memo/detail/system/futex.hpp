// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waits for a word to change. A condition variable has state that a fork can corrupt. std::atomic::wait counts
// its waiters in a table, of which each module may have its own copy, so a wake-up in one module misses the
// waiters of another. A futex depends on the address of the word alone. Systems without futexes have one
// condition variable for each module; not std::atomic::wait, which loses wake-ups in libstdc++ 12 for Windows.

#include <memo/detail/system/compiled.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace memo::detail {

/// Blocks while the word has the value. A thread that changes the word must call wake_all.
///
/// max             longest wait; 0: no limit
/// Returns:        false if the word still has the value
bool wait_while(std::atomic<std::uint32_t> const& word, std::uint32_t value,
                std::chrono::seconds max = std::chrono::seconds(0)) noexcept;

/// Wakes all waiters; they read the word again.
void wake_all(std::atomic<std::uint32_t>& word) noexcept;

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "futex.ipp"
#endif
