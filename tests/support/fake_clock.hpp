// SPDX-License-Identifier: BSL-1.0
#pragma once

// Time that passes when a test says so. Copies share it.

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
    void advance(std::chrono::nanoseconds by) const { ns_->fetch_add(by.count()); }

  private:
    std::shared_ptr<std::atomic<std::int64_t>> ns_ =
        std::make_shared<std::atomic<std::int64_t>>(1'000'000);
};

} // namespace memo_test
