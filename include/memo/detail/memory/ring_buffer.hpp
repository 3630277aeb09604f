// SPDX-License-Identifier: BSL-1.0
#pragma once

// Key bits in, the same out in their order: a ring. A std::deque would do, and costs a compiler three
// times as much.

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace memo::detail {

/// Part of an order of eviction, see eviction.hpp.
class ring_buffer {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// The key that so many go before.
    [[nodiscard]] std::uint64_t operator[](std::size_t i) const noexcept {
        return ring_[(first_ + i) & (ring_.size() - 1)]; // a power of two of them
    }

    /// Throws:         std::bad_alloc, and nothing is changed
    void push(std::uint64_t key) {
        if (size_ == ring_.size()) {
            std::vector<std::uint64_t> wider(size_ == 0 ? 16 : 2 * size_);
            for (std::size_t i = 0; i < size_; ++i) {
                wider[i] = (*this)[i];
            }
            ring_.swap(wider);
            first_ = 0;
        }
        ring_[(first_ + size_) & (ring_.size() - 1)] = key;
        ++size_;
    }

    /// The same, or false if there is no memory for it.
    [[nodiscard]] bool try_push(std::uint64_t key) noexcept {
        try {
            push(key);
        } catch (std::bad_alloc const&) {
            return false;
        }
        return true;
    }

    /// Takes the first one out. There must be one.
    std::uint64_t pop() noexcept {
        std::uint64_t const key = (*this)[0];
        first_ = (first_ + 1) & (ring_.size() - 1);
        --size_;
        return key;
    }

  private:
    std::vector<std::uint64_t> ring_;
    std::size_t first_ = 0; ///< where in the ring
    std::size_t size_ = 0;
};

} // namespace memo::detail
