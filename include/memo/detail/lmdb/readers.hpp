// SPDX-License-Identifier: BSL-1.0
#pragma once

// A pool of LMDB's read transactions: beginning one takes LMDB's lock, renewing one takes none. An idle one
// holds no snapshot, which would keep the file growing.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/system/thread_slot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>

namespace memo::detail {

class disk_readers {
  public:
    /// Takes the idle transaction of the calling thread's slot, which threads may share; null if there is
    /// none. Once there are many, takes that of any slot, so that the pool is no larger than the number of
    /// threads that read at one moment, or a few.
    [[nodiscard]] MDB_txn* take() noexcept {
        MDB_txn* const own = place().exchange(nullptr, std::memory_order_acquire);
        if (own == nullptr && open_.load(std::memory_order_relaxed) >= few_) [[unlikely]] {
            return take_any();
        }
        return own;
    }

    /// Returns a reset transaction to the pool.
    void give_back(MDB_txn* txn) noexcept {
        MDB_txn* empty = nullptr;
        if (!place().compare_exchange_strong(empty, txn, std::memory_order_release,
                                             std::memory_order_relaxed)) {
            drop(txn);
        }
    }

    /// Counts a transaction that was begun elsewhere, until it is dropped.
    void add() noexcept { open_.fetch_add(1, std::memory_order_seq_cst); }

    void drop(MDB_txn* txn) noexcept {
        mdb_txn_abort(txn);
        open_.fetch_sub(1, std::memory_order_release);
    }

    /// Ends the count of a reader without a transaction.
    void leave() noexcept { open_.fetch_sub(1, std::memory_order_release); }

    /// Ends the idle transactions.
    void drop_idle() noexcept {
        while (MDB_txn* const idle = take_any()) {
            drop(idle);
        }
    }

    /// Ends all transactions, and blocks until those in use are idle. No thread may begin one meanwhile.
    void drain() noexcept {
        while (open_.load(std::memory_order_seq_cst) != 0) {
            drop_idle();
            std::this_thread::yield();
        }
    }

    /// In a child after fork(): its parent's transactions are not its own, and ending them here would
    /// free the parent's place in the lock file. They stay allocated.
    void abandon() noexcept {
        for (auto& each : places_) {
            each.txn.store(nullptr, std::memory_order_relaxed);
        }
        open_.store(0, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t places = 64;

    struct alignas(64) slot {
        std::atomic<MDB_txn*> txn{nullptr};
    };

    [[nodiscard]] std::atomic<MDB_txn*>& place() noexcept {
        return places_[this_thread_slot().number % places].txn;
    }

    [[gnu::noinline]] MDB_txn* take_any() noexcept {
        for (auto& each : places_) {
            if (each.txn.load(std::memory_order_relaxed) != nullptr) {
                if (MDB_txn* const txn = each.txn.exchange(nullptr, std::memory_order_acquire)) {
                    return txn;
                }
            }
        }
        return nullptr;
    }

    std::size_t const few_ =
        (std::max)(std::size_t{16}, std::size_t{std::thread::hardware_concurrency()});
    std::array<slot, places> places_;
    std::atomic<std::size_t> open_{0};
};

} // namespace memo::detail
