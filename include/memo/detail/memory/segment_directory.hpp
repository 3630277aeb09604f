// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maps the first d bits of a key to its segment, by 2^d pointers. Several adjacent pointers lead to
// a segment whose keys share fewer bits (extendible hashing: Fagin et al. 1979, ACM TODS 4(3)).

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/system/compiled.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace memo::detail {

class s3_fifo;
class segment;

/// The address of the 2^d pointers, tagged with 64 - d: a reader loads both as one word. Does not
/// own the memory.
class directory {
  public:
    using buckets_pointer = shared<bucket*>;
    using segment_pointer = shared<segment*>;

    struct alignas(64) line {
        std::array<std::byte, 64> bytes;
    };

    directory() = default;

    /// Constructs null pointers in memory of lines_for(depth) lines.
    ///
    /// depth           at least 1
    directory(line* lines, unsigned depth);

    /// The size of a directory in lines.
    [[nodiscard]] static std::size_t lines_for(unsigned depth) noexcept;

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
    void put(segment& target, std::uint64_t prefix, unsigned depth) const noexcept;

    /// Copies the pointers of a directory that is half as large. Relaxed: no reader sees this one
    /// yet.
    void copy_from(directory half) const noexcept;

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
    segment_directory(segment_directory const&) = delete;
    segment_directory& operator=(segment_directory const&) = delete;
    ~segment_directory();

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
    struct growth;

    // Every hit reads these; only growth writes them.
    shared<directory> root_;
    bool const evicts_;

    std::unique_ptr<growth> const growth_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "segment_directory.ipp"
#endif
