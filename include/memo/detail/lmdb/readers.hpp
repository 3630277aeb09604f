// SPDX-License-Identifier: BSL-1.0
#pragma once

// Read transactions that are kept for the next look: beginning one takes LMDB's lock, renewing one
// takes none. Between two looks none of them holds a snapshot, which would keep the file growing.

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
    /// The transaction that the calling thread left here, or another did that shares its place; null
    /// if there is none. Where there are many, that of any thread which is not reading: as many are
    /// kept as read at one moment, or a few.
    [[nodiscard]] MDB_txn* take() noexcept {
        MDB_txn* const own = place().exchange(nullptr, std::memory_order_acquire);
        if (own == nullptr && open_.load(std::memory_order_relaxed) >= few_) [[unlikely]] {
            return take_any();
        }
        return own;
    }

    /// Leaves a transaction that was reset.
    void give_back(MDB_txn* txn) noexcept {
        MDB_txn* empty = nullptr;
        if (!place().compare_exchange_strong(empty, txn, std::memory_order_release,
                                             std::memory_order_relaxed)) {
            drop(txn);
        }
    }

    /// A transaction that was begun elsewhere is counted until it is dropped.
    void add() noexcept { open_.fetch_add(1, std::memory_order_seq_cst); }

    void drop(MDB_txn* txn) noexcept {
        mdb_txn_abort(txn);
        open_.fetch_sub(1, std::memory_order_release);
    }

    /// A reader without a transaction is counted, too, while it reads.
    void leave() noexcept { open_.fetch_sub(1, std::memory_order_release); }

    /// Ends those that are not in use.
    void drop_idle() noexcept {
        while (MDB_txn* const idle = take_any()) {
            drop(idle);
        }
    }

    /// Ends all, and waits for those that are in use. Nobody may begin one meanwhile.
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
