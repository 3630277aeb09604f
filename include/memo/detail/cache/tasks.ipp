// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/tasks.hpp>
#include <memo/detail/cache/waiting.hpp>
#include <memo/detail/system/futex.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace memo::detail {

/// One task's right to run once.
class tasks::single_run {
  public:
    single_run(std::shared_ptr<count> open, std::function<void()> body)
        : open_(std::move(open)), body_(std::move(body)) {
        open_->fetch_add(1, std::memory_order_relaxed);
    }
    single_run(single_run const&) = delete;
    single_run& operator=(single_run const&) = delete;
    ~single_run() { close(); }

    /// Has no effect the second time.
    void run() {
        if (!started_.exchange(true)) {
            {
                waiting_threads::task_runner const runner(open_.get());
                std::function<void()> const body = std::exchange(body_, nullptr);
                body();
            }
            close();
        }
    }

  private:
    void close() noexcept {
        if (!closed_.exchange(true) && open_->fetch_sub(1, std::memory_order_acq_rel) == 1) {
            wake_all(*open_);
        }
    }

    std::shared_ptr<count> open_;
    std::function<void()> body_;
    std::atomic<bool> started_{false};
    std::atomic<bool> closed_{false};
};

MEMO_DEFINITION tasks::tasks() : open_(std::make_shared<count>(0)) {}

MEMO_DEFINITION tasks::~tasks() {
    wait();
}

MEMO_DEFINITION std::function<void()> tasks::add(std::function<void()> body) {
    return [task = std::make_shared<single_run>(open_, std::move(body))] { task->run(); };
}

MEMO_DEFINITION void tasks::wait() const noexcept {
    if (open_->load(std::memory_order_acquire) == 0) {
        return;
    }
    waiting_threads::task_waiter const waiter(open_.get());
    for (std::uint32_t open = 0; (open = open_->load(std::memory_order_acquire)) != 0;) {
        wait_while(*open_, open);
    }
}

} // namespace memo::detail
