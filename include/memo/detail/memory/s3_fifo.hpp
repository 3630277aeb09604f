// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which entry of a segment is evicted next: S3-FIFO (Yang et al. 2023, SOSP, section 4). New keys wait in
// a small queue, a tenth of the entries. A key that was not asked for again when it reaches the end of
// that queue is evicted and becomes a ghost; the others move to the main queue. Monte-Carlo valuation
// asks for most subsets once, and such keys never push out the useful ones.

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <vector>

namespace memo::detail {

/// Keys in the order in which they were pushed: a ring. std::deque takes a compiler three times as long.
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

/// The keys of entries that were evicted lately: an entry that comes back was worth its room. Stores 32
/// bits of each key in the place that other bits of it choose, until another evicted key overwrites it:
/// after about as many evictions as a segment has entries.
class ghosts {
  public:
    /// Whether a new key is one of these. Removes it.
    [[nodiscard]] bool take(std::uint64_t key) noexcept {
        std::uint32_t& place = place_of(key);
        bool const is_ghost = place == tag_of(key);
        if (is_ghost) {
            place = 0;
        }
        return is_ghost;
    }

    /// Adds the key of an entry that is evicted.
    void remember(std::uint64_t key) noexcept { place_of(key) = tag_of(key); }

  private:
    /// Not of the first bits, which all keys of a segment share, nor of those that choose a bucket.
    [[nodiscard]] std::uint32_t& place_of(std::uint64_t key) noexcept {
        return places_[(key >> 14) % places_.size()];
    }

    /// Never 0, which marks an empty place; of bits that do not choose the place.
    [[nodiscard]] static std::uint32_t tag_of(std::uint64_t key) noexcept {
        return static_cast<std::uint32_t>(key >> 23) | 1;
    }

    std::array<std::uint32_t, 512> places_{};
};

/// A set of a segment's keys, at most as many as the segment has slots. Allocates nothing.
class small_set {
  public:
    /// Adds a key; false if the set has it already.
    [[nodiscard]] bool add(std::uint64_t key) noexcept {
        std::size_t at = key >> 14; // as for ghosts
        while (places_[at % places_.size()] != 0 && places_[at % places_.size()] != key) {
            ++at;
        }
        std::uint64_t& place = places_[at % places_.size()];
        bool const is_new = place == 0; // 0 is no key
        place = key;
        return is_new;
    }

  private:
    std::array<std::uint64_t, 2048> places_{};
};

/// The order in which one segment evicts its entries. Stores keys, not slots, so that nothing changes here
/// when an entry moves; a key whose entry is gone is skipped when its turn comes.
///
/// Thread safety:  none; callers hold the segment's lock
class s3_fifo {
  public:
    static constexpr std::size_t bytes_an_entry = 22; ///< measured: benchmarks/eviction

    /// Throws:         std::bad_alloc, and nothing is changed
    void insert(std::uint64_t key) {
        if (ghosts_.take(key)) {
            main_.push(key);
        } else {
            small_.push(key);
        }
    }

    /// Removes and returns the key to evict; nothing only if no entry of the segment was inserted here.
    ///
    /// take_visited    given a key; returns whether its entry was visited since the last time it was asked,
    ///                 or nothing if the entry is gone
    template <class TakeVisited>
    [[nodiscard]] std::optional<std::uint64_t> victim(TakeVisited take_visited) noexcept {
        // Readers may set visited bits as fast as they are cleared; two rounds are enough.
        std::size_t second_chances = 2 * (small_.size() + main_.size());
        while (!small_.empty() || !main_.empty()) {
            bool const from_small =
                main_.empty() || small_.size() * 10 > small_.size() + main_.size();
            auto& queue = from_small && !small_.empty() ? small_ : main_;
            std::uint64_t const key = queue.pop();
            std::optional<bool> const visited = take_visited(key);
            if (!visited) {
                continue;
            }
            // Without memory for its second chance it is evicted: a victim must be found.
            if (*visited && second_chances > 0 && main_.try_push(key)) {
                --second_chances;
                continue;
            }
            if (&queue == &small_) {
                ghosts_.remember(key);
            }
            return key;
        }
        return std::nullopt;
    }

    /// Drops keys whose entries are gone and second copies of keys once these outnumber the entries: keys
    /// that are erased and inserted again must not lengthen the order without bound.
    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) noexcept {
        if (small_.size() + main_.size() > 2 * entries + 64) {
            small_set seen; // a key that was erased and inserted again is here twice
            for (ring_buffer* const queue : {&small_, &main_}) {
                for (std::size_t left = queue->size(); left > 0; --left) {
                    std::uint64_t const key = queue->pop();
                    if (is_there(key) && seen.add(key)) {
                        queue->push(key); // into the room of the popped key: allocates nothing
                    }
                }
            }
        }
    }

    /// The keys of one half of a segment, in the same order.
    template <class Belongs> [[nodiscard]] s3_fifo part(Belongs belongs) const {
        s3_fifo half;
        auto const choose = [&](ring_buffer const& from, ring_buffer& to) {
            for (std::size_t i = 0; i < from.size(); ++i) {
                if (belongs(from[i])) {
                    to.push(from[i]);
                }
            }
        };
        choose(small_, half.small_);
        choose(main_, half.main_);
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
