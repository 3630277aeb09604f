// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/system/process.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>

#include <new>
#include <pthread.h>

namespace memo::detail {

/// One key per module, whose destructor releases the slot of a thread when the thread ends. A thread_local
/// object would not do: glibc aborts the process if it has no memory to register its destructor.
[[nodiscard, gnu::visibility("hidden")]] MEMO_DEFINITION pthread_key_t thread_slot_key() {
    static pthread_key_t const key = [] {
        pthread_key_t result{};
        auto const release = [](void* slot) {
            cached_thread_slot = nullptr;
            place_of_this_thread = no_place;
            process_wide<thread_slots>().release(*static_cast<thread_slot*>(slot));
        };
        if (::pthread_key_create(&result, release) != 0) {
            throw std::bad_alloc();
        }
        return result;
    }();
    return key;
}

[[gnu::noinline]] MEMO_DEFINITION thread_slot& acquire_thread_slot() {
    pthread_key_t const key = thread_slot_key();
    auto& registry = process_wide<thread_slots>();
    thread_slot& slot = registry.acquire();
    if (::pthread_setspecific(key, &slot) != 0) {
        registry.release(slot);
        throw std::bad_alloc();
    }
    cached_thread_slot = &slot;
    place_of_this_thread = place_of(slot);
    return slot;
}

/// Registers the handlers of fork() before the code of this module runs, by the first use of memo in the
/// thread that loads it. Registered later, they would come too late for a fork that another thread has
/// begun: its child would inherit the locks of the first use.
[[gnu::visibility("hidden")]] inline bool const watches_forks = []() noexcept {
    try {
        static_cast<void>(this_thread_slot());
        return true;
    } catch (std::bad_alloc const&) {
        return false; // the first use tries again
    }
}();

} // namespace memo::detail
