// SPDX-License-Identifier: BSL-1.0
#pragma once

// Work in, done by a user's executor; the end of all of it waited for. An executor may run a task at
// once or later, in any thread, keep copies of it, throw, or drop it: whichever it does, the wait
// ends.

#include <memo/detail/cache/waiting.hpp>
#include <memo/detail/system/futex.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace memo::detail {

/// Tasks under way.
class tasks {
    using count = std::atomic<std::uint32_t>;

    /// One task's right to run once.
    class single_run {
      public:
        single_run(std::shared_ptr<count> of, std::function<void()> body)
            : open_(std::move(of)), body_(std::move(body)) {
            open_->fetch_add(1, std::memory_order_relaxed);
        }
        single_run(single_run const&) = delete;
        single_run& operator=(single_run const&) = delete;
        ~single_run() { close(); }

        /// Nothing at a second time.
        void run() {
            if (!begun_.exchange(true)) {
                {
                    waiting_threads::task_runner const runs(open_.get());
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
        std::atomic<bool> begun_{false};
        std::atomic<bool> closed_{false};
    };

  public:
    tasks() = default;
    tasks(tasks const&) = delete;
    tasks& operator=(tasks const&) = delete;
    ~tasks() { wait(); }

    /// body            does not throw
    /// Throws:         what the executor throws; the body may have run all the same
    template <class Executor> void start(Executor& execute, std::function<void()> body) {
        execute([given = std::make_shared<single_run>(open_, std::move(body))] { given->run(); });
    }

    /// Returns when each task has run or cannot run any more.
    void wait() const noexcept {
        if (open_->load(std::memory_order_acquire) == 0) {
            return;
        }
        waiting_threads::task_waiter const waits(open_.get());
        for (std::uint32_t open = 0; (open = open_->load(std::memory_order_acquire)) != 0;) {
            wait_while(*open_, open);
        }
    }

  private:
    std::shared_ptr<count> open_ = std::make_shared<count>(0);
};

} // namespace memo::detail
