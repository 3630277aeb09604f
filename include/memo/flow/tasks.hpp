// SPDX-License-Identifier: BSL-1.0
#pragma once

// Work in, done by a user's executor; the end of all of it waited for. An executor may run a task at
// once or later, in any thread, keep copies of it, throw, or drop it: whichever it does, the wait
// ends.

#include <memo/flow/condition.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace memo::detail {

/// Tasks under way.
class tasks {
    struct count {
        std::mutex mutex;
        condition none;
        std::size_t open = 0;
    };

    /// One task's right to run once.
    class ticket {
      public:
        ticket(std::shared_ptr<count> of, std::function<void()> body)
            : count_(std::move(of)), body_(std::move(body)) {
            std::scoped_lock const lock(count_->mutex);
            ++count_->open;
        }
        ticket(ticket const&) = delete;
        ticket& operator=(ticket const&) = delete;
        ~ticket() { close(); }

        /// Nothing at a second time.
        void run() {
            std::function<void()> body;
            {
                std::scoped_lock const lock(count_->mutex);
                body.swap(body_);
            }
            if (body) {
                body();
                close();
            }
        }

      private:
        void close() {
            std::scoped_lock const lock(count_->mutex);
            if (!closed_) {
                closed_ = true;
                if (--count_->open == 0) {
                    count_->none.notify_all();
                }
            }
        }

        std::shared_ptr<count> count_;
        std::function<void()> body_;
        bool closed_ = false;
    };

  public:
    tasks() = default;
    tasks(tasks const&) = delete;
    tasks& operator=(tasks const&) = delete;
    ~tasks() { wait(); }

    /// body            does not throw
    /// Throws:         what the executor throws; the body may have run all the same
    template <class Executor> void start(Executor& execute, std::function<void()> body) {
        execute([given = std::make_shared<ticket>(count_, std::move(body))] { given->run(); });
    }

    /// Returns when each task has run or cannot run any more.
    void wait() const {
        std::unique_lock lock(count_->mutex);
        count_->none.wait(lock, [&] { return count_->open == 0; });
    }

  private:
    std::shared_ptr<count> count_ = std::make_shared<count>();
};

} // namespace memo::detail
