// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maps the first d bits of a key to its segment, by 2^d places. A segment whose keys share fewer bits
// stands in several places side by side (extendible hashing: Fagin et al. 1979, ACM TODS 4(3)).

#include <memo/detail/list.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/system/fork.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace memo::detail {

/// A pointer to 2^d places and 64 - d, in one word, so that a reader gets both with one load. Does not own
/// the places.
class directory {
  public:
    using readers_place = shared<bucket*>;
    using writers_place = shared<segment*>;

    /// A line of memory for directories.
    struct alignas(64) line {
        std::array<std::byte, 64> bytes;
    };
    /// How many a directory needs.
    [[nodiscard]] static std::size_t lines_for(unsigned depth) noexcept {
        constexpr std::size_t both = sizeof(readers_place) + sizeof(writers_place);
        return ((both << depth) + sizeof(line) - 1) / sizeof(line);
    }
    /// Owns so many. A unique_ptr takes a compiler three times as long.
    struct memory {
        explicit memory(unsigned depth) : first(new line[lines_for(depth)]) {}
        memory(memory const&) = delete;
        memory& operator=(memory const&) = delete;
        ~memory() { delete[] first; }

        line* const first;
    };

    directory() = default;

    /// Without segments yet.
    ///
    /// depth           from 1 on
    directory(memory const& lines, unsigned depth)
        : tagged_(reinterpret_cast<std::uintptr_t>(lines.first->bytes.data()) | (64 - depth)) {
        for (std::size_t i = 0; i < count(); ++i) {
            new (readers() + i) readers_place;
            new (writers() + i) writers_place;
        }
    }

    [[nodiscard]] unsigned depth() const noexcept {
        return static_cast<unsigned>(64 - (tagged_ & low_bits));
    }
    [[nodiscard]] std::size_t count() const noexcept { return std::size_t{1} << depth(); }

    [[nodiscard]] readers_place& buckets_of(std::uint64_t low) const noexcept {
        return readers()[number_of(low)];
    }
    [[nodiscard]] writers_place& segment_of(std::uint64_t low) const noexcept {
        return writers()[number_of(low)];
    }

    /// Puts a segment in its places: those of keys that begin with these bits.
    void put(segment& chosen, std::uint64_t prefix, unsigned depth) const noexcept {
        std::size_t const first = number_of(prefix);
        for (std::size_t i = first; i < first + (count() >> depth); ++i) {
            writers()[i].store(&chosen, std::memory_order_release);
            readers()[i].store(chosen.buckets(), std::memory_order_release);
        }
    }

    /// Takes over the segments of a directory that is half as large.
    void take_over(directory half) const noexcept {
        for (std::size_t i = 0; i < count(); ++i) {
            writers()[i].store(half.writers()[i / 2].load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
            readers()[i].store(half.readers()[i / 2].load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
        }
    }

    friend bool operator==(directory, directory) = default;

  private:
    static constexpr std::uintptr_t low_bits = 63;

    [[nodiscard]] std::size_t number_of(std::uint64_t low) const noexcept {
        return low >> (tagged_ & low_bits); // the d highest bits
    }
    [[nodiscard]] readers_place* readers() const noexcept {
        return reinterpret_cast<readers_place*>(tagged_ & ~low_bits);
    }
    [[nodiscard]] writers_place* writers() const noexcept {
        return reinterpret_cast<writers_place*>(readers() + count());
    }

    std::uintptr_t tagged_ = 0;
};

/// The current directory and its segments, all of which it owns. It doubles when a segment needs more bits
/// than the directory has; smaller ones are kept for readers who still use them, and take as much
/// as the last one together. The next one's memory is touched a page at a time while segments are made: a
/// doubling that waited for 1 MiB from the system would be the longest pause of an insertion among 10^7.
///
/// Thread safety:  safe; readers take no lock, as nothing is freed before the table is
class segment_directory {
  public:
    /// With one segment for all keys.
    ///
    /// evicts          whether entries may be evicted
    explicit segment_directory(bool evicts) : evicts_(evicts) {
        directories_.add(1U);
        directory const root = take_next(1);
        root.put(add_segment(0, 0, evicts ? std::make_unique<s3_fifo>() : nullptr), 0, 0);
        root_.store(root, std::memory_order_release);
    }

    /// The current directory. Inlined by force, as every hit asks.
    [[nodiscard, gnu::always_inline]] inline directory now() const {
        return root_.load(std::memory_order_acquire);
    }

    /// Whether entries may be evicted, so that hits set their visited bit.
    [[nodiscard]] bool evicts() const noexcept { return evicts_; }

    /// Makes a segment that no place leads to yet, and a directory with places for it.
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
    /// The directory whose memory is ready. Allocates the memory of the one after it.
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
