// SPDX-License-Identifier: BSL-1.0
#pragma once

// Puts of threads that wait while another thread of their process writes. That thread runs them in
// its own transaction: the root, the list of free pages and the meta page are written once for all
// of them (docs/decisions/0071-combined-puts.md).

#include <memo/detail/function_ref.hpp>
#include <memo/detail/system/fork.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace memo::detail {

class write_transaction;

/// What a put changes; returns whether it stored its record. Any thread may run it, several times,
/// while the thread of the put waits: it runs no code of the user but its validity.
using put_change = function_ref<bool(write_transaction const&)>;

/// A put whose thread waits.
class waiting_put {
  public:
    explicit waiting_put(put_change change) noexcept : change_(change) {}
    waiting_put(waiting_put const&) = delete;
    waiting_put& operator=(waiting_put const&) = delete;
    ~waiting_put() = default;

    enum class state : std::uint8_t {
        waiting,
        stored,
        refused, ///< by its change
        failed   ///< a transaction with other puts failed: its thread puts it alone
    };

    // acquire pairs with the release in end(): the state is the last that the writer touches.
    [[nodiscard]] state outcome() const noexcept { return state_.load(std::memory_order_acquire); }
    [[nodiscard]] bool has_ended() const noexcept { return outcome() != state::waiting; }

  private:
    friend class put_batch;

    void end(state outcome) noexcept { state_.store(outcome, std::memory_order_release); }

    put_change change_;
    bool is_stored_ = false; ///< if the transaction is committed
    std::atomic<state> state_{state::waiting};
};

/// Thread safety:  safe
class put_queue {
  public:
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }

    /// put             outlives its state `waiting`, or its place in the queue
    void push(waiting_put& put) {
        std::scoped_lock const lock(mutex_);
        puts_.push_back(&put);
        size_.store(puts_.size(), std::memory_order_relaxed);
    }

    /// False if a writer has taken the put, and will end it soon.
    [[nodiscard]] bool withdraw(waiting_put const& put) {
        std::scoped_lock const lock(mutex_);
        bool const is_here = std::erase(puts_, &put) != 0;
        size_.store(puts_.size(), std::memory_order_relaxed);
        return is_here;
    }

    /// Removes the puts that waited longest.
    [[nodiscard]] std::vector<waiting_put*> take(std::size_t max_count) {
        std::scoped_lock const lock(mutex_);
        auto const end =
            puts_.begin() + static_cast<std::ptrdiff_t>((std::min)(max_count, puts_.size()));
        std::vector<waiting_put*> taken(puts_.begin(), end);
        puts_.erase(puts_.begin(), end);
        size_.store(puts_.size(), std::memory_order_relaxed);
        return taken;
    }

  private:
    mutex mutex_; ///< guards puts_
    std::vector<waiting_put*> puts_;
    std::atomic<std::size_t> size_{0}; ///< of puts_
};

/// The puts that a writer runs for other threads. The writer holds its turn.
class put_batch {
  public:
    explicit put_batch(put_queue& queue) : puts_(queue.take(max_puts)) {}
    put_batch(put_batch const&) = delete;
    put_batch& operator=(put_batch const&) = delete;

    /// Puts that were not committed have failed.
    ~put_batch() {
        for (waiting_put* const each : puts_) {
            each->end(waiting_put::state::failed);
        }
    }

    void run(write_transaction const& write) const {
        for (waiting_put* const each : puts_) {
            each->is_stored_ = each->change_(write);
        }
    }

    void committed() noexcept {
        for (waiting_put* const each : puts_) {
            each->end(each->is_stored_ ? waiting_put::state::stored : waiting_put::state::refused);
        }
        puts_.clear();
    }

    /// In a child of the process whose threads wait.
    void abandon() noexcept { puts_.clear(); }

  private:
    static constexpr std::size_t max_puts = 64;

    std::vector<waiting_put*> puts_;
};

} // namespace memo::detail
