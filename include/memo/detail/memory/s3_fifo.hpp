// SPDX-License-Identifier: BSL-1.0
#pragma once

// The eviction policy of a segment: S3-FIFO (Yang et al. 2023, SOSP, section 4). A new key enters a
// small queue, a tenth of the entries. A key that was not hit before it reaches the head of that
// queue is evicted and becomes a ghost; the others move to the main queue. Monte-Carlo valuation
// looks most subsets up once, and these keys never evict the useful ones.

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace memo::detail {

/// A FIFO queue of keys. Allocates only while it grows, unlike std::deque: eviction allocates nothing.
class ring_buffer {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// The key at position i from the head.
    [[nodiscard]] std::uint64_t operator[](std::size_t i) const noexcept {
        return ring_[(first_ + i) & (ring_.size() - 1)]; // the size is a power of two
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

    /// Like push(), but returns false without memory.
    [[nodiscard]] bool try_push(std::uint64_t key) noexcept {
        try {
            push(key);
        } catch (std::bad_alloc const&) {
            return false;
        }
        return true;
    }

    /// Removes and returns the head. Precondition: the queue is not empty.
    std::uint64_t pop() noexcept {
        std::uint64_t const key = (*this)[0];
        first_ = (first_ + 1) & (ring_.size() - 1);
        --size_;
        return key;
    }

  private:
    std::vector<std::uint64_t> ring_;
    std::size_t first_ = 0; ///< index in the ring
    std::size_t size_ = 0;
};

/// A lossy set of recently evicted keys: an entry that returns soon belongs into the main queue.
/// Stores 32 bits of each key at the index that other bits select, until another evicted key
/// overwrites it: after about as many evictions as a segment has entries.
class ghosts {
  public:
    /// Removes a key; false if it is absent.
    [[nodiscard]] bool erase(std::uint64_t key) noexcept {
        std::uint32_t& tag = tag_at(key);
        bool const is_ghost = tag == tag_of(key);
        if (is_ghost) {
            tag = 0;
        }
        return is_ghost;
    }

    void insert(std::uint64_t key) noexcept { tag_at(key) = tag_of(key); }

  private:
    /// Skips the bits that select the bucket. The first bits are the same in all keys of a segment.
    [[nodiscard]] std::uint32_t& tag_at(std::uint64_t key) noexcept {
        return tags_[(key >> 14) % tags_.size()];
    }

    /// Never 0, which marks a free element; made of bits that do not select the index.
    [[nodiscard]] static std::uint32_t tag_of(std::uint64_t key) noexcept {
        return static_cast<std::uint32_t>(key >> 23) | 1;
    }

    std::array<std::uint32_t, 512> tags_{};
};

/// A set of keys, at most as many as a segment has slots. Allocates nothing.
class small_set {
  public:
    /// Inserts a key; false if the set contains it.
    [[nodiscard]] bool insert(std::uint64_t key) noexcept {
        std::size_t i = key >> 14; // the same bits as for ghosts
        while (keys_[i % keys_.size()] != 0 && keys_[i % keys_.size()] != key) {
            ++i;
        }
        return std::exchange(keys_[i % keys_.size()], key) == 0; // no key is 0
    }

  private:
    std::array<std::uint64_t, 2048> keys_{};
};

/// Whether an entry was hit since eviction last examined its key; `stale`: the entry was removed.
enum class key_use { stale, unvisited, visited };

/// The order in which one segment evicts its entries. Stores keys, not slots, so that relocated
/// entries change nothing here. The key of a removed entry stays as a stale key until victim() or
/// compact() reaches it.
///
/// Thread safety:  none; callers hold the segment's lock
class s3_fifo {
  public:
    static constexpr std::size_t bytes_per_entry = 22; ///< measured: benchmarks/eviction

    /// Throws:         std::bad_alloc, and nothing is changed
    void insert(std::uint64_t key) {
        if (ghosts_.erase(key)) {
            main_.push(key);
        } else {
            small_.push(key);
        }
    }

    /// Removes and returns the key to evict; 0, which is no key, if all keys are stale.
    ///
    /// test_and_clear_visited  takes a key; returns its key_use, and clears the visited bit
    template <class TestAndClear>
    [[nodiscard]] std::uint64_t victim(TestAndClear test_and_clear_visited) noexcept {
        // Bounded to two rounds: readers may set visited bits as fast as they are cleared.
        std::size_t second_chances = 2 * (small_.size() + main_.size());
        while (!small_.empty() || !main_.empty()) {
            bool const from_small =
                main_.empty() || small_.size() * 10 > small_.size() + main_.size();
            auto& queue = from_small && !small_.empty() ? small_ : main_;
            std::uint64_t const key = queue.pop();
            key_use const use = test_and_clear_visited(key);
            if (use == key_use::stale) {
                continue;
            }
            // Without memory for its second chance the key is evicted: there must be a victim.
            if (use == key_use::visited && second_chances > 0 && main_.try_push(key)) {
                --second_chances;
                continue;
            }
            if (&queue == &small_) {
                ghosts_.insert(key);
            }
            return key;
        }
        return 0;
    }

    /// Removes stale keys and duplicates once they outnumber the entries, so that keys that are
    /// erased and inserted again and again do not lengthen the queues without bound.
    template <class Exists> void compact(std::size_t entries, Exists exists) noexcept {
        if (small_.size() + main_.size() > 2 * entries + 64) {
            small_set unique; // a key that was erased and inserted again is queued twice
            for (ring_buffer* const queue : {&small_, &main_}) {
                for (std::size_t remaining = queue->size(); remaining > 0; --remaining) {
                    std::uint64_t const key = queue->pop();
                    if (exists(key) && unique.insert(key)) {
                        queue->push(key); // reuses the room of the popped key: allocates nothing
                    }
                }
            }
        }
    }

    /// The keys that satisfy a predicate, in the same order, and all ghosts.
    template <class Predicate> [[nodiscard]] s3_fifo copy_if(Predicate predicate) const {
        s3_fifo half;
        auto const copy = [&](ring_buffer const& from, ring_buffer& to) {
            for (std::size_t i = 0; i < from.size(); ++i) {
                if (predicate(from[i])) {
                    to.push(from[i]);
                }
            }
        };
        copy(small_, half.small_);
        copy(main_, half.main_);
        half.ghosts_ = ghosts_;
        return half;
    }

    void clear() noexcept { *this = {}; }

  private:
    ring_buffer small_;
    ring_buffer main_;
    ghosts ghosts_;
};

} // namespace memo::detail
