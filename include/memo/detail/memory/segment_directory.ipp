// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/segment_directory.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION segment_directory::segment_directory(bool evicts) : evicts_(evicts) {
    directories_.add(1U);
    directory const root = allocate_next(1);
    root.put(add_segment(0, 0, evicts ? std::make_unique<s3_fifo>() : nullptr), 0, 0);
    root_.store(root, std::memory_order_release);
}

MEMO_DEFINITION segment& segment_directory::make_segment(std::uint64_t prefix, unsigned depth,
                                                         std::unique_ptr<s3_fifo> order) {
    std::scoped_lock const lock(growth_);
    if (directory const half = root_.load(std::memory_order_relaxed); half.depth() < depth) {
        directory const doubled = allocate_next(depth);
        doubled.copy_from(half);
        root_.store(doubled, std::memory_order_release);
    }
    touch_next();
    return add_segment(prefix, depth, std::move(order));
}

MEMO_DEFINITION void segment_directory::publish(segment& target, std::uint64_t prefix,
                                                unsigned depth) {
    std::scoped_lock const lock(growth_);
    root_.load(std::memory_order_relaxed).put(target, prefix, depth);
}

MEMO_DEFINITION directory segment_directory::allocate_next(unsigned depth) {
    auto const& ready = directories_.newest();
    directories_.add(depth + 1);
    untouched_ = directory::lines_for(depth + 1);
    return {ready, depth};
}

MEMO_DEFINITION void segment_directory::touch_next() noexcept {
    constexpr std::size_t page = 4096 / sizeof(directory::line);
    untouched_ -= (std::min)(untouched_, page);
    directories_.newest().first[untouched_].bytes.front() = std::byte{0};
}

MEMO_DEFINITION segment& segment_directory::add_segment(std::uint64_t prefix, unsigned depth,
                                                        std::unique_ptr<s3_fifo> order) {
    return segments_.add(buckets_, prefix, depth, std::move(order));
}

} // namespace memo::detail
