// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where threads run. A client and its server wake each other; whether the kernel places them on one core or on two
// decides what a round trip takes, so a benchmark decides it instead.

#include <cstddef>
#include <sched.h>
#include <vector>

namespace benchmark {

/// Keeps the calling thread on one core while this lives, and what it starts meanwhile: new threads and processes
/// inherit the place.
class pinned {
  public:
    /// place           among the cores that the process may use; modulo their number
    explicit pinned(std::size_t place) {
        CPU_ZERO(&before_);
        if (::sched_getaffinity(0, sizeof before_, &before_) != 0) {
            return;
        }
        std::vector<int> cores;
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(static_cast<std::size_t>(core), &before_)) {
                cores.push_back(core);
            }
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(cores[place % cores.size()]), &one);
        holds_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
    }
    pinned(pinned const&) = delete;
    pinned& operator=(pinned const&) = delete;
    ~pinned() {
        if (holds_) {
            ::sched_setaffinity(0, sizeof before_, &before_);
        }
    }

    [[nodiscard]] bool holds() const noexcept { return holds_; }

  private:
    cpu_set_t before_{};
    bool holds_ = false;
};

} // namespace benchmark
