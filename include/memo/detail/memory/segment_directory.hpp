// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maps the first d bits of a key to its segment, by 2^d pointers. Several adjacent pointers lead to
// a segment whose keys share fewer bits (extendible hashing: Fagin et al. 1979, ACM TODS 4(3)).

#include <memo/detail/list.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/s3_fifo.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>

namespace memo::detail {

/// The address of the 2^d pointers, tagged with 64 - d: a reader loads both as one word. Does not
/// own the memory.
class directory {
  public:
    using buckets_pointer = shared<bucket*>;
    using segment_pointer = shared<segment*>;

    struct alignas(64) line {
        std::array<std::byte, 64> bytes;
    };
    /// The size of a directory in lines.
    [[nodiscard]] static std::size_t lines_for(unsigned depth) noexcept {
        constexpr std::size_t pair = sizeof(buckets_pointer) + sizeof(segment_pointer);
        return ((pair << depth) + sizeof(line) - 1) / sizeof(line);
    }
    /// The memory of one directory. A unique_ptr triples the compile time.
    struct memory {
        explicit memory(unsigned depth) : first(new line[lines_for(depth)]) {}
        memory(memory const&) = delete;
        memory& operator=(memory const&) = delete;
        ~memory() { delete[] first; }

        line* const first;
    };

    directory() = default;

    /// Constructs null pointers in the memory.
    ///
    /// depth           at least 1
    directory(memory const& lines, unsigned depth)
        : tagged_(reinterpret_cast<std::uintptr_t>(lines.first->bytes.data()) | (64 - depth)) {
        for (std::size_t i = 0; i < count(); ++i) {
            new (bucket_pointers() + i) buckets_pointer;
            new (segment_pointers() + i) segment_pointer;
        }
    }

    [[nodiscard]] unsigned depth() const noexcept {
        return static_cast<unsigned>(64 - (tagged_ & low_bits));
    }
    [[nodiscard]] std::size_t count() const noexcept { return std::size_t{1} << depth(); }

    [[nodiscard]] buckets_pointer& buckets_of(std::uint64_t low) const noexcept {
        return bucket_pointers()[number_of(low)];
    }
    [[nodiscard]] segment_pointer& segment_of(std::uint64_t low) const noexcept {
        return segment_pointers()[number_of(low)];
    }

    /// Points all keys that begin with these bits to a segment. The release pairs with the acquire
    /// loads of readers and writers, which then see the content of the segment.
    void put(segment& target, std::uint64_t prefix, unsigned depth) const noexcept {
        std::size_t const first = number_of(prefix);
        for (std::size_t i = first; i < first + (count() >> depth); ++i) {
            segment_pointers()[i].store(&target, std::memory_order_release);
            bucket_pointers()[i].store(target.buckets(), std::memory_order_release);
        }
    }

    /// Copies the pointers of a directory that is half as large. Relaxed: no reader sees this one
    /// yet.
    void copy_from(directory half) const noexcept {
        for (std::size_t i = 0; i < count(); ++i) {
            segment_pointers()[i].store(
                half.segment_pointers()[i / 2].load(std::memory_order_relaxed),
                std::memory_order_relaxed);
            bucket_pointers()[i].store(
                half.bucket_pointers()[i / 2].load(std::memory_order_relaxed),
                std::memory_order_relaxed);
        }
    }

    friend bool operator==(directory, directory) = default;

  private:
    static constexpr std::uintptr_t low_bits = 63;

    [[nodiscard]] std::size_t number_of(std::uint64_t low) const noexcept {
        return low >> (tagged_ & low_bits); // the d highest bits
    }
    [[nodiscard]] buckets_pointer* bucket_pointers() const noexcept {
        return reinterpret_cast<buckets_pointer*>(tagged_ & ~low_bits);
    }
    [[nodiscard]] segment_pointer* segment_pointers() const noexcept {
        return reinterpret_cast<segment_pointer*>(bucket_pointers() + count());
    }

    std::uintptr_t tagged_ = 0;
};

/// The current directory and its segments. The directory doubles when a segment needs more bits.
/// The old directories stay for readers that still use them; together they take as much memory as
/// the current one. The memory of the next directory is touched one page per new segment: a
/// doubling that waits for 1 MiB of new pages would be the longest pause among 10^7 insertions.
///
/// Thread safety:  safe; readers take no lock, as all memory lives as long as the table
class segment_directory {
  public:
    /// Creates one segment for all keys.
    ///
    /// evicts          whether entries may be evicted
    explicit segment_directory(bool evicts);

    /// The current directory. Inlined by force: every hit loads it.
    [[nodiscard, gnu::always_inline]] inline directory now() const {
        return root_.load(std::memory_order_acquire);
    }

    /// Whether entries may be evicted, and hits must set visited bits.
    [[nodiscard]] bool evicts() const noexcept { return evicts_; }

    /// Adds a segment that no pointer leads to yet, and doubles the directory if necessary.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    segment& make_segment(std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order);

    /// Leads readers and writers to a segment that make_segment() returned.
    void publish(segment& target, std::uint64_t prefix, unsigned depth);

  private:
    /// A directory in the memory that is ready. Allocates the memory of its successor.
    directory allocate_next(unsigned depth);
    void touch_next() noexcept;
    segment& add_segment(std::uint64_t prefix, unsigned depth, std::unique_ptr<s3_fifo> order);

    // Every hit reads these; only growth writes them.
    shared<directory> root_;
    bool const evicts_;

    alignas(128) mutex growth_; ///< guards the members below and all stores to directories; lock
                                ///< order: after a segment's mutex
    segment::memory buckets_;
    list<segment> segments_;
    list<directory::memory> directories_; ///< the newest one is not in use yet
    std::size_t untouched_ = 0;           ///< leading lines of the newest one
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "segment_directory.ipp"
#endif
