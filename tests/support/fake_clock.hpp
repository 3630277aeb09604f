// SPDX-License-Identifier: BSL-1.0
#pragma once

// A clock that a test advances. Copies share the time.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace memo_test {

class fake_clock {
  public:
    [[nodiscard]] std::chrono::steady_clock::time_point operator()() const {
        return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns_->load()));
    }
    /// The same time as a time of day, for records that outlive the process.
    [[nodiscard]] auto on_the_wall() const {
        return [steady = *this] {
            return std::chrono::system_clock::time_point(
                std::chrono::hours(500'000) + // in 2027
                std::chrono::duration_cast<std::chrono::system_clock::duration>(
                    steady().time_since_epoch()));
        };
    }
    void advance(std::chrono::nanoseconds by) const { ns_->fetch_add(by.count()); }

  private:
    std::shared_ptr<std::atomic<std::int64_t>> ns_ =
        std::make_shared<std::atomic<std::int64_t>>(1'000'000);
};

} // namespace memo_test
