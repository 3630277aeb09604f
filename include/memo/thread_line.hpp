// SPDX-License-Identifier: BSL-1.0
#pragma once

// A cache line for each thread that no other thread writes: where a read section says that it reads,
// and the small number by which counters find the thread's own. So a hit costs no atomic
// read-modify-write.

#include <memo/list.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <pthread.h>

namespace memo::detail {

struct alignas(128) thread_line {
    explicit thread_line(std::size_t chosen) : number(chosen) {}

    std::atomic<std::uint64_t> epoch{0}; ///< of the thread's outermost read section; 0: not reading
    std::size_t const number;            ///< 0, 1, 2, …: no two live threads have the same one
    bool taken = true;                   ///< under the pool's lock
};

/// All lines. A thread that ends gives its line back for the next one.
class thread_lines {
  public:
    // Visible, so that plugins built with hidden visibility agree with their host about who reads.
    // Never destroyed: threads give their line back after main() has returned. A thread that was
    // taking its line while another one called fork() does not hold the lock in the child.
    [[gnu::visibility("default")]] static thread_lines& instance() {
        static auto* const lines = [] {
            ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                             [] { instance().mutex_.unlock(); });
            return new thread_lines;
        }();
        return *lines;
    }

    thread_line& take() {
        std::scoped_lock const lock(mutex_);
        thread_line* found = nullptr;
        lines_.for_each([&](thread_line& line) {
            found = line.taken ? found : &line; // at last the one of the least number
        });
        if (found == nullptr) {
            found = &lines_.add(count_);
            ++count_;
        }
        found->taken = true;
        return *found;
    }

    // The lock also orders the last writes of a thread before the first ones of the next owner of
    // its line.
    void give_back(thread_line& line) {
        std::scoped_lock const lock(mutex_);
        line.taken = false;
    }

    template <class Visit> void for_each(Visit visit) const {
        std::scoped_lock const lock(mutex_);
        lines_.for_each(visit);
    }

  private:
    mutable std::mutex mutex_;
    list<thread_line> lines_;
    std::size_t count_ = 0; ///< of them
};

inline constinit thread_local thread_line* line_of_this_thread = nullptr;

/// What is each thread's own lies in arrays of so many places. Threads beyond have none.
inline constexpr std::size_t no_place = 128;

[[nodiscard]] inline std::size_t place_of(thread_line const& line) noexcept {
    return (std::min)(line.number, no_place);
}

/// The place of the calling thread; no_place until it has a line.
inline constinit thread_local std::size_t place_of_this_thread = no_place;

inline void take_line() {
    line_of_this_thread = &thread_lines::instance().take();
    place_of_this_thread = place_of(*line_of_this_thread);
}

struct line_lease {
    line_lease() { take_line(); }
    line_lease(line_lease const&) = delete;
    line_lease& operator=(line_lease const&) = delete;
    ~line_lease() {
        thread_lines::instance().give_back(*line_of_this_thread);
        line_of_this_thread = nullptr;
        place_of_this_thread = no_place;
    }
};

[[gnu::noinline]] inline thread_line& lease_line() {
    static thread_local line_lease const lease;
    if (line_of_this_thread ==
        nullptr) { // the lease has ended, and the thread still runs destructors
        take_line();
    }
    return *line_of_this_thread;
}

/// The line of the calling thread.
///
/// Complexity:     O(1); the first call in a thread takes a lock
/// Thread safety:  safe
[[nodiscard]] inline thread_line& this_thread_line() {
    thread_line* const line = line_of_this_thread;
    return line != nullptr ? *line : lease_line();
}

} // namespace memo::detail
