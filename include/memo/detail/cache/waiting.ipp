// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/waiting.hpp>
#include <memo/detail/system/futex.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>
#include <memo/error.hpp>

#include <chrono>
#include <mutex>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION flight_leader::flight_leader()
    : thread(&this_thread_slot()), generation(process_wide<thread_slots>().generation()) {}

MEMO_DEFINITION bool flight_leader::is_of_this_process() const {
    return generation == process_wide<thread_slots>().generation();
}

MEMO_DEFINITION std::size_t waiting_threads::count() {
    std::scoped_lock const lock(mutex_);
    clear_after_fork();
    std::size_t count = 0;
    for (edge const* each = first_; each != nullptr; each = each->next_) {
        count += each->flight_ != nullptr ? 1U : 0U;
    }
    return count;
}

MEMO_DEFINITION void waiting_threads::clear_after_fork() noexcept {
    if (std::uint32_t const now = process_wide<thread_slots>().generation(); generation_ != now) {
        generation_ = now;
        first_ = nullptr;
    }
}

MEMO_DEFINITION void flight_base::wait() const {
    if (!is_complete()) {
        waiting_threads::follower const me(*this);
        // A thread that waits for tasks may close a cycle later, so check again.
        while (wait_while(completed_, 0, std::chrono::seconds(1)), !is_complete()) {
            me.check();
        }
    }
}

MEMO_DEFINITION void flight_base::complete() noexcept {
    completed_.store(1, std::memory_order_release);
    wake_all(completed_);
}

MEMO_DEFINITION std::size_t flight_base::waiting() {
    return process_wide<waiting_threads>().count();
}

MEMO_DEFINITION bool waiting_threads::waits_for(flight_base const& flight,
                                                flight_leader const& other) noexcept {
    return !flight.is_complete() && waits_for(flight.leader_, other);
}

MEMO_DEFINITION bool waiting_threads::waits_for(flight_leader const& thread,
                                                flight_leader const& other) noexcept {
    if (thread == other) {
        return true;
    }
    for (edge* each = first_; each != nullptr; each = each->next_) {
        if (each->thread_ != thread || std::exchange(each->search_, searches_) == searches_) {
            continue;
        }
        if (each->flight_ != nullptr && waits_for(*each->flight_, other)) {
            return true;
        }
        for (edge const* task = first_; each->awaited_tasks_ != nullptr && task != nullptr;
             task = task->next_) {
            if (task->running_tasks_ == each->awaited_tasks_ && waits_for(task->thread_, other)) {
                return true;
            }
        }
    }
    return false;
}

MEMO_DEFINITION waiting_threads::edge::edge(flight_base const* flight, void const* awaited_tasks,
                                            void const* running_tasks)
    : flight_(flight), awaited_tasks_(awaited_tasks), running_tasks_(running_tasks) {}

MEMO_DEFINITION void waiting_threads::edge::add() noexcept {
    auto& all = process_wide<waiting_threads>();
    next_ = all.first_;
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    all.first_ = this;
}

MEMO_DEFINITION void waiting_threads::edge::remove() {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    if (thread_.is_of_this_process()) {
        (previous_ != nullptr ? previous_->next_ : all.first_) = next_;
        if (next_ != nullptr) {
            next_->previous_ = previous_;
        }
    }
}

MEMO_DEFINITION waiting_threads::follower::follower(flight_base const& flight)
    : edge(&flight, nullptr, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    check_locked(all);
    add();
}

MEMO_DEFINITION void waiting_threads::follower::check() const {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    check_locked(all);
}

MEMO_DEFINITION void waiting_threads::follower::check_locked(waiting_threads& all) const {
    ++all.searches_;
    if (all.waits_for(*flight_, thread_)) {
        throw error(errc::recursion,
                    "memoized call: the function needs its own result for the same "
                    "arguments, and so would never end; check its base case");
    }
}

MEMO_DEFINITION waiting_threads::task_waiter::task_waiter(void const* tasks)
    : edge(nullptr, tasks, nullptr) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    add();
}

MEMO_DEFINITION waiting_threads::task_runner::task_runner(void const* tasks)
    : edge(nullptr, nullptr, tasks) {
    auto& all = process_wide<waiting_threads>();
    std::scoped_lock const lock(all.mutex_);
    all.clear_after_fork();
    add();
}

MEMO_DEFINITION waiting_threads::follower::~follower() {
    remove();
}

MEMO_DEFINITION waiting_threads::task_waiter::~task_waiter() {
    remove();
}

MEMO_DEFINITION waiting_threads::task_runner::~task_runner() {
    remove();
}

} // namespace memo::detail
