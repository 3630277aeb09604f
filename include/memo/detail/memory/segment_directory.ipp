// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/bucket_memory.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/memory/segment_directory.hpp>
#include <memo/detail/system/fork.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION directory::directory(line* lines, unsigned depth)
    : tagged_(reinterpret_cast<std::uintptr_t>(lines->bytes.data()) | (64 - depth)) {
    for (std::size_t i = 0; i < count(); ++i) {
        new (bucket_pointers() + i) buckets_pointer;
        new (segment_pointers() + i) segment_pointer;
    }
}

MEMO_DEFINITION std::size_t directory::lines_for(unsigned depth) noexcept {
    constexpr std::size_t pair = sizeof(buckets_pointer) + sizeof(segment_pointer);
    return ((pair << depth) + sizeof(line) - 1) / sizeof(line);
}

MEMO_DEFINITION void directory::put(segment& target, std::uint64_t prefix,
                                    unsigned depth) const noexcept {
    std::size_t const first = number_of(prefix);
    for (std::size_t i = first; i < first + (count() >> depth); ++i) {
        segment_pointers()[i].store(&target, std::memory_order_release);
        bucket_pointers()[i].store(target.buckets(), std::memory_order_release);
    }
}

MEMO_DEFINITION void directory::copy_from(directory half) const noexcept {
    for (std::size_t i = 0; i < count(); ++i) {
        segment_pointers()[i].store(half.segment_pointers()[i / 2].load(std::memory_order_relaxed),
                                    std::memory_order_relaxed);
        bucket_pointers()[i].store(half.bucket_pointers()[i / 2].load(std::memory_order_relaxed),
                                   std::memory_order_relaxed);
    }
}

/// What only growth needs.
struct segment_directory::growth {
    detail::mutex mutex; ///< guards the members below and all stores to directories; lock order:
                         ///< after a segment's mutex
    segment::memory buckets;
    std::forward_list<segment> segments;
    std::forward_list<aligned_memory>
        directories;           ///< newest first; the first one is not in use yet
    std::size_t untouched = 0; ///< leading lines of the first one

    growth() { add_directory(1); }

    void add_directory(unsigned depth) {
        std::size_t const lines = directory::lines_for(depth);
        directories.emplace_front(lines * sizeof(directory::line), alignof(directory::line));
        untouched = lines;
    }

    /// A directory in the memory that is ready. Allocates the memory of its successor.
    directory allocate_next(unsigned depth) {
        directory::line* const ready = next();
        add_directory(depth + 1);
        return {ready, depth};
    }

    void touch_next() noexcept {
        constexpr std::size_t page = 4096 / sizeof(directory::line);
        untouched -= (std::min)(untouched, page);
        next()[untouched].bytes.front() = std::byte{0};
    }

  private:
    [[nodiscard]] directory::line* next() {
        return static_cast<directory::line*>(directories.front().begin());
    }
};

MEMO_DEFINITION segment_directory::segment_directory(bool evicts)
    : evicts_(evicts), growth_(std::make_unique<growth>()) {
    directory const root = growth_->allocate_next(1);
    root.put(growth_->segments.emplace_front(growth_->buckets, 0, 0U,
                                             evicts ? std::make_unique<s3_fifo>() : nullptr),
             0, 0);
    root_.store(root, std::memory_order_release);
}

MEMO_DEFINITION segment_directory::~segment_directory() = default;

MEMO_DEFINITION segment& segment_directory::make_segment(std::uint64_t prefix, unsigned depth,
                                                         std::unique_ptr<s3_fifo> order) {
    std::scoped_lock const lock(growth_->mutex);
    if (directory const half = root_.load(std::memory_order_relaxed); half.depth() < depth) {
        directory const doubled = growth_->allocate_next(depth);
        doubled.copy_from(half);
        root_.store(doubled, std::memory_order_release);
    }
    growth_->touch_next();
    return growth_->segments.emplace_front(growth_->buckets, prefix, depth, std::move(order));
}

MEMO_DEFINITION void segment_directory::publish(segment& target, std::uint64_t prefix,
                                                unsigned depth) {
    std::scoped_lock const lock(growth_->mutex);
    root_.load(std::memory_order_relaxed).put(target, prefix, depth);
}

} // namespace memo::detail
