// SPDX-License-Identifier: BSL-1.0
#pragma once

// A pool of LMDB's read transactions: to begin one takes LMDB's lock, to renew one takes no lock.
// An idle transaction holds no snapshot: a snapshot keeps its pages from reuse, and the file would
// grow.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/system/this_thread_slot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>

namespace memo::detail {

class reader_pool {
  public:
    /// Removes and returns the idle transaction of the calling thread's slot, which threads may
    /// share; null if there is none. Above `max_unshared_` transactions, returns one of any slot:
    /// the pool is not larger than the number of concurrent readers, or that limit.
    // acquire pairs with the release in release(): the transaction was reset by another thread.
    [[nodiscard]] MDB_txn* acquire() noexcept {
        MDB_txn* const own = own_slot().exchange(nullptr, std::memory_order_acquire);
        if (own == nullptr && open_.load(std::memory_order_relaxed) >= max_unshared_) [[unlikely]] {
            return acquire_any();
        }
        return own;
    }

    /// Returns a reset transaction to the pool.
    void release(MDB_txn* txn) noexcept {
        MDB_txn* empty = nullptr;
        if (!own_slot().compare_exchange_strong(empty, txn, std::memory_order_release,
                                                std::memory_order_relaxed)) {
            end(txn);
        }
    }

    /// Counts a new transaction, or a reader without one. seq_cst: a reader that is counted after
    /// drain() saw 0 sees is_closing_.
    void add() noexcept { open_.fetch_add(1, std::memory_order_seq_cst); }

    void end(MDB_txn* txn) noexcept {
        mdb_txn_abort(txn);
        open_.fetch_sub(1, std::memory_order_release);
    }

    /// Ends the count of a reader without a transaction.
    void remove() noexcept { open_.fetch_sub(1, std::memory_order_release); }

    /// Ends the idle transactions.
    void end_idle() noexcept {
        while (MDB_txn* const idle = acquire_any()) {
            end(idle);
        }
    }

    /// Ends all transactions; blocks until they are idle. Precondition: no thread begins one.
    void drain() noexcept {
        while (open_.load(std::memory_order_seq_cst) != 0) {
            end_idle();
            std::this_thread::yield();
        }
    }

    /// Called in a child after fork(). Leaks the transactions: ending them would free the parent's
    /// entries in the reader table.
    void abandon() noexcept {
        for (auto& each : slots_) {
            each.txn.store(nullptr, std::memory_order_relaxed);
        }
        open_.store(0, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t slot_count = 64;

    struct alignas(64) slot {
        std::atomic<MDB_txn*> txn{nullptr};
    };

    [[nodiscard]] std::atomic<MDB_txn*>& own_slot() noexcept {
        return slots_[this_thread_slot().number % slot_count].txn;
    }

    [[gnu::noinline]] MDB_txn* acquire_any() noexcept {
        for (auto& each : slots_) {
            if (each.txn.load(std::memory_order_relaxed) != nullptr) {
                if (MDB_txn* const txn = each.txn.exchange(nullptr, std::memory_order_acquire)) {
                    return txn;
                }
            }
        }
        return nullptr;
    }

    std::size_t const max_unshared_ =
        (std::max)(std::size_t{16}, std::size_t{std::thread::hardware_concurrency()});
    std::array<slot, slot_count> slots_;
    std::atomic<std::size_t> open_{0};
};

} // namespace memo::detail
