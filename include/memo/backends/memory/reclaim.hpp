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

#include <memo/thread_line.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace memo::detail {

/// What readers read of the writers. Initialized as a constant and never destroyed: a hit meets no
/// guard, and threads may read until the end of the process.
struct alignas(128) epoch_clock {
    std::atomic<std::uint64_t> now{1};
    std::atomic<bool> asymmetric{false}; ///< writers issue the readers' barrier
};

// Visible for the same reason as the lines of the threads.
[[gnu::visibility("default")]] inline constinit epoch_clock epochs;

/// While one lives in a thread, nothing that the thread can reach is freed. They nest.
class read_section {
  public:
    read_section()
        : epoch_(this_thread_line().epoch), outer_(epoch_.load(std::memory_order_relaxed)) {
        if (outer_ != 0) [[unlikely]] {
            return; // the section around this one holds all that this one can reach
        }
        if (epochs.asymmetric.load(std::memory_order_relaxed)) [[likely]] {
            // release: whoever sees this epoch has seen the end of this thread's earlier sections
            epoch_.store(epochs.now.load(std::memory_order_acquire), std::memory_order_release);
            std::atomic_signal_fence(std::memory_order_seq_cst);
        } else {
            epoch_.exchange(epochs.now.load(std::memory_order_acquire), std::memory_order_seq_cst);
        }
    }
    read_section(read_section const&) = delete;
    read_section& operator=(read_section const&) = delete;
    ~read_section() { epoch_.store(outer_, std::memory_order_release); }

  private:
    std::atomic<std::uint64_t>& epoch_;
    std::uint64_t const outer_;
};

/// What a thing that can be retired begins with. So a writer that has unlinked it needs no memory to
/// retire it, which it might not get.
struct retirable {
    void (*destroy)(retirable*) = nullptr;
    retirable* next = nullptr; ///< for the reclaimer; no reader looks here
};

class reclaimer {
  public:
    /// Throws:         std::bad_alloc, at the first call only: make it before anything is unlinked
    [[gnu::visibility("default")]] static reclaimer& instance() {
        static auto* const reclaim = new reclaimer; // never destroyed, as its readers
        return *reclaim;
    }

    /// Takes a thing that no new reader can reach. Destroys nothing, so locks may be held.
    ///
    /// bytes           how much memory waits for it
    void retire(retirable& thing, std::size_t bytes) noexcept {
        std::scoped_lock const lock(mutex_);
        thing.next = std::exchange(fresh_, &thing);
        fresh_things_ += 1;
        fresh_bytes_ += bytes;
        if (fresh_things_ >= most_things || fresh_bytes_ >= most_bytes) {
            due_.store(true, std::memory_order_relaxed);
        }
    }

    /// Frees what can be freed, if enough has come together. Runs destructors of the user's: no
    /// lock may be held.
    void tend() noexcept {
        if (due_.load(std::memory_order_relaxed)) {
            reclaim();
        }
    }

    /// Frees all that can be freed now. No lock may be held.
    void reclaim() noexcept {
        for (retirable* free : take_free()) {
            while (free != nullptr) {
                retirable* const each = std::exchange(free, free->next);
                each->destroy(each);
            }
        }
    }

  private:
    static constexpr std::size_t most_things = 64;
    static constexpr std::size_t most_bytes = std::size_t{256} * 1024;

    reclaimer() {
        epochs.asymmetric = enlist();
        static_cast<void>(thread_lines::instance()); // so that reclaim() need not make them
    }

    /// Raises the epoch, and gives the lists of what can be freed. What is fresh when the last things
    /// can go waits in their place: one epoch is enough for all of them.
    std::array<retirable*, 2> take_free() noexcept {
        std::scoped_lock const lock(mutex_);
        std::uint64_t const now =
            epochs.now.fetch_add(1, std::memory_order_seq_cst) + 1; // a barrier of the writer's own
        fresh_things_ = 0;
        fresh_bytes_ = 0;
        due_.store(false, std::memory_order_relaxed);
        if ((waiting_ == nullptr && fresh_ == nullptr) || !barrier_for_all()) {
            return {};
        }
        std::uint64_t const oldest = oldest_reader();
        if (waiting_ != nullptr && waiting_epoch_ > oldest) {
            return {};
        }
        std::array<retirable*, 2> free{std::exchange(waiting_, std::exchange(fresh_, nullptr))};
        waiting_epoch_ = now;
        if (waiting_epoch_ <= oldest) {
            free[1] = std::exchange(waiting_, nullptr);
        }
        return free;
    }

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
    [[nodiscard]] static bool barrier_for_all() noexcept {
        auto const barrier = [] { return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); };
        return !epochs.asymmetric || barrier() ||
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

    [[nodiscard]] static std::uint64_t oldest_reader() {
        std::uint64_t oldest = (std::numeric_limits<std::uint64_t>::max)();
        thread_lines::instance().for_each([&](thread_line const& line) {
            if (auto const epoch = line.epoch.load(std::memory_order_seq_cst); epoch != 0) {
                oldest = epoch < oldest ? epoch : oldest;
            }
        });
        return oldest;
    }

    std::mutex mutex_;
    retirable* waiting_ = nullptr;    ///< a list of those that go next
    std::uint64_t waiting_epoch_ = 0; ///< readers of this epoch began after they were unlinked
    retirable* fresh_ = nullptr;      ///< a list of those that were retired since
    std::size_t fresh_things_ = 0;    ///< retired since it was last tried to free something
    std::size_t fresh_bytes_ = 0;
    std::atomic<bool> due_{false};
};

} // namespace memo::detail
