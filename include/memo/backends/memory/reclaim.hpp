// SPDX-License-Identifier: BSL-1.0
#pragma once

// Memory that lock-free readers may still be looking at, in; freed when none of them can be, out.
//
// A reader writes the current epoch into a line of its own, looks, and clears the line. A writer
// unlinks a thing, retires it, and later raises the epoch and frees what was retired before it once
// every line is clear or newer. The reader's store and its next load need a full barrier between
// them; sys_membarrier(2) lets the rare writer issue it for all readers, so that a hit pays for two
// plain stores (the scheme of liburcu's membarrier flavour: Desnoyers et al. 2012, IEEE TPDS 23(2),
// section 4.3).

#include <memo/thread_slot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace memo::detail {

class reclaimer {
  public:
    static reclaimer& instance() {
        // Never destroyed: threads may read until the very end of the process.
        static auto* const reclaim = new reclaimer;
        return *reclaim;
    }

    /// While one lives in a thread, nothing that the thread can reach is freed. They nest.
    class section {
      public:
        explicit section(reclaimer& reclaim)
            : line_(reclaim.lines_[thread_slot()].epoch),
              shared_(&line_ == &reclaim.lines_[thread_slots].epoch) {
            if (shared_) {
                line_.fetch_add(1, std::memory_order_seq_cst);
            } else if (line_.load(std::memory_order_relaxed) == 0) {
                outermost_ = true;
                auto const epoch = reclaim.epoch_.load(std::memory_order_acquire);
                if (reclaim.asymmetric_) {
                    // release: whoever sees this epoch has seen the end of this thread's earlier sections
                    line_.store(epoch, std::memory_order_release);
                    std::atomic_signal_fence(std::memory_order_seq_cst);
                } else {
                    line_.exchange(epoch, std::memory_order_seq_cst);
                }
            }
        }
        section(section const&) = delete;
        section& operator=(section const&) = delete;
        ~section() {
            if (shared_) {
                line_.fetch_sub(1, std::memory_order_release);
            } else if (outermost_) {
                line_.store(0, std::memory_order_release);
            }
        }

      private:
        std::atomic<std::uint64_t>& line_;
        bool const shared_;
        bool outermost_ = false;
    };

    /// Takes a thing that no new reader can reach. Destroys nothing, so locks may be held.
    ///
    /// bytes           how much memory waits for it
    void retire(void* thing, void (*destroy)(void*), std::size_t bytes) {
        std::scoped_lock const lock(mutex_);
        fresh_.push_back({thing, destroy});
        fresh_bytes_ += bytes;
        if (fresh_.size() >= most_things || fresh_bytes_ >= most_bytes) {
            due_.store(true, std::memory_order_relaxed);
        }
    }

    /// Frees what can be freed, if enough has come together. Runs destructors of the user's: no
    /// lock may be held.
    void tend() {
        if (due_.load(std::memory_order_relaxed)) {
            reclaim();
        }
    }

    /// Frees all that can be freed now. No lock may be held.
    void reclaim() {
        std::vector<retired> free;
        {
            std::scoped_lock const lock(mutex_);
            std::uint64_t const epoch = epoch_.load(std::memory_order_relaxed) + 1;
            epoch_.store(epoch, std::memory_order_release);
            if (!fresh_.empty()) {
                waiting_.push_back({epoch, std::exchange(fresh_, {})});
                fresh_bytes_ = 0;
                due_.store(false, std::memory_order_relaxed);
            }
            if (waiting_.empty() || !barrier_for_all()) {
                return;
            }
            std::uint64_t const oldest = oldest_reader();
            std::erase_if(waiting_, [&](batch& waiting) {
                bool const done = waiting.epoch <= oldest;
                if (done) {
                    free.insert(free.end(), waiting.things.begin(), waiting.things.end());
                }
                return done;
            });
        }
        for (auto const& [thing, destroy] : free) {
            destroy(thing);
        }
    }

  private:
    static constexpr std::size_t most_things = 64;
    static constexpr std::size_t most_bytes = std::size_t{256} * 1024;

    struct alignas(128) line {
        std::atomic<std::uint64_t> epoch{0}; ///< 0: not reading
    };
    struct retired {
        void* thing;
        void (*destroy)(void*);
    };
    struct batch {
        std::uint64_t epoch; ///< readers of this epoch began after the things were unlinked
        std::vector<retired> things;
    };

    reclaimer() : asymmetric_(enlist()) {}

#if defined(__linux__)
    static bool enlist() noexcept {
        return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    }
    static bool membarrier(int command) noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): there is no other way to call it
        return syscall(SYS_membarrier, command, 0, 0) == 0;
    }
    /// A full barrier in every thread of the process; false if it could not be had, and nothing may
    /// be freed.
    [[nodiscard]] bool barrier_for_all() const noexcept {
        auto const barrier = [] { return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); };
        return !asymmetric_ || barrier() ||
               (enlist() && barrier()); // a fork may have to enlist anew
    }
#else
    static bool enlist() noexcept {
        return false;
    }
    [[nodiscard]] static bool barrier_for_all() noexcept {
        return true;
    }
#endif

    [[nodiscard]] std::uint64_t oldest_reader() const noexcept {
        if (lines_[thread_slots].epoch.load(std::memory_order_seq_cst) != 0) {
            return 0; // readers that share a line do not say since when they read
        }
        std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t slot = 0; slot < thread_slots; ++slot) {
            if (auto const epoch = lines_[slot].epoch.load(std::memory_order_seq_cst); epoch != 0) {
                oldest = std::min(oldest, epoch);
            }
        }
        return oldest;
    }

    std::array<line, thread_slots + 1> lines_;
    std::atomic<std::uint64_t> epoch_{1};
    bool const asymmetric_;
    std::mutex mutex_;
    std::vector<retired> fresh_;
    std::size_t fresh_bytes_ = 0;
    std::atomic<bool> due_{false};
    std::vector<batch> waiting_;
};

} // namespace memo::detail
