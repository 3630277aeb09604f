// SPDX-License-Identifier: BSL-1.0
#pragma once

// The directory that is in use and what it leads to. It doubles when a segment needs more bits than
// it tells apart; those that it outgrew are kept for readers who are still in them, and take as much
// as the last one together. The next one's memory is touched a page at a time while segments are
// made: a doubling that waited for the system to find 1 MiB would be the longest pause of an
// insertion among 10^7.

#include <memo/detail/list.hpp>
#include <memo/detail/memory/atomic.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/memory/segment_directory.hpp>
#include <memo/detail/system/fork.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace memo::detail {

/// Owns all segments of a table. Readers need no guard: nothing is freed before the table is.
class growing_directory {
  public:
    /// With one segment for all keys.
    ///
    /// evicts          whether entries may be evicted
    explicit growing_directory(bool evicts) : evicts_(evicts) {
        directories_.add(1U);
        directory const root = take_next(1);
        root.put(add_segment(0, 0, evicts ? std::make_unique<s3_fifo>() : nullptr), 0, 0);
        root_.store(root, std::memory_order_release);
    }

    /// As it is now; inlined by force, as every hit asks.
    [[nodiscard, gnu::always_inline]] inline directory now() const {
        return root_.load(std::memory_order_acquire);
    }

    /// Whether entries may be evicted, so that hits set their visited bit.
    [[nodiscard]] bool evicts() const noexcept { return evicts_; }

    /// A segment that no one is led to yet, and places for it.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    segment& make_segment(std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order) {
        std::scoped_lock const lock(growth_);
        if (directory const half = root_.load(std::memory_order_relaxed); half.depth() < depth) {
            directory const whole = take_next(depth);
            whole.take_over(half);
            root_.store(whole, std::memory_order_release);
        }
        touch_next();
        return add_segment(prefix, depth, std::move(order));
    }

    void lead_to(segment& fresh, std::uint64_t prefix, unsigned depth) {
        std::scoped_lock const lock(growth_);
        root_.load(std::memory_order_relaxed).put(fresh, prefix, depth);
    }

  private:
    /// The directory whose memory is ready; the memory of the one after it is the next.
    directory take_next(unsigned depth) {
        auto const& ready = directories_.newest();
        directories_.add(depth + 1);
        untouched_ = directory::lines_for(depth + 1);
        return {ready, depth};
    }

    void touch_next() noexcept {
        constexpr std::size_t page = 4096 / sizeof(directory::line);
        untouched_ -= (std::min)(untouched_, page);
        directories_.newest().first[untouched_].bytes.front() = std::byte{0};
    }

    segment& add_segment(std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order) {
        return segments_.add(buckets_, prefix, depth, std::move(order));
    }

    // Every hit reads these, and only growth writes them.
    shared<directory> root_;
    bool const evicts_;

    alignas(128) mutex growth_; ///< guards what follows, and all writing to directories; taken
                                ///< after a segment's
    segment::memory buckets_;
    list<segment> segments_;
    list<directory::memory> directories_; ///< the first one is not in use yet
    std::size_t untouched_ = 0;           ///< of its lines, from the first on
};

} // namespace memo::detail
