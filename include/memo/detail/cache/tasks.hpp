// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs tasks in a user's executor, and waits for all of them. The wait ends whatever the executor does: it may
// run a task at once or later, in any thread, copy it, throw, or destroy it without a run.

#include <memo/detail/system/compiled.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace memo::detail {

/// The tasks of one batch.
///
/// Thread safety:  none; the tasks may run in any thread
class tasks {
    using count = std::atomic<std::uint32_t>;
    class single_run;

  public:
    tasks();
    tasks(tasks const&) = delete;
    tasks& operator=(tasks const&) = delete;
    ~tasks();

    /// body            must not throw
    /// Throws:         exceptions of the executor, which may have run the body before
    template <class Executor> void start(Executor& execute, std::function<void()> body) {
        execute(add(std::move(body)));
    }

    /// Returns when each task has run, or all its copies are destroyed.
    void wait() const noexcept;

  private:
    /// The task for the executor.
    [[nodiscard]] std::function<void()> add(std::function<void()> body);

    std::shared_ptr<count> open_; ///< tasks that have neither run nor been destroyed
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "tasks.ipp"
#endif
