// SPDX-License-Identifier: BSL-1.0
#pragma once

// The first bits of a key in, its segment out: 2^d places for d bits. A segment that shares fewer
// bits stands in several places side by side (extendible hashing: Fagin et al. 1979, ACM TODS 4(3)).

#include <memo/detail/memory/atomic.hpp>
#include <memo/detail/memory/segment.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace memo::detail {

/// 2^d places and 64 - d, in one word, so that a reader gets both with one load. Refers to memory of
/// its maker's.
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
    /// Owns as many. A unique_ptr would do, and costs a compiler three times as much.
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

} // namespace memo::detail
