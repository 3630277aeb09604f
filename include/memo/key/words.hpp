// SPDX-License-Identifier: BSL-1.0
#pragma once

// The canonical stream: 8-byte little-endian words in, `key128` out. Every key of this library is
// made here.
//
// A stream ends with a guard word, the sum of its first words, each times an odd constant of its
// own. XXH3-128 alone has full collisions between short inputs that hold {w, ~w} and {~w, w}, about
// one in 2^28.7 such pairs (docs/decisions/0002-guard-word.md); the guard differs for every one of
// them, and with it the digest.
//
// Words are stored 8 bytes at a time and hashed in one go while they fit on the stack: packed
// pieces of 4 bytes, read back across their borders by the hash, defeat store forwarding and
// cost 2.6 to 3.1 times the whole hit.

#include <memo/key/hash.hpp>
#include <memo/key/key128.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace memo::detail {

static_assert(
    std::endian::native == std::endian::little,
    "memo: keys are streams of little-endian words, and this machine is not little-endian");

inline constexpr std::size_t word_size = sizeof(std::uint64_t);

/// How many words `bytes` bytes fill; the last one is padded with zeros.
constexpr std::size_t words_for(std::size_t bytes) noexcept {
    return bytes / word_size + (bytes % word_size != 0 ? 1 : 0);
}

/// The inputs that XXH3 hashes without its long loop, 240 bytes, are the ones that need a guard.
inline constexpr std::size_t guarded_words = 30;

/// One odd constant per guarded word, by splitmix64 (Steele, Lea, Flood 2014, OOPSLA, figure 13).
inline constexpr auto guard_factors = [] {
    std::array<std::uint64_t, guarded_words> factors{};
    std::uint64_t state = 0;
    for (auto& factor : factors) {
        state += 0x9e3779b97f4a7c15;
        std::uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        factor = (z ^ (z >> 31)) | 1;
    }
    return factors;
}();

constexpr std::uint64_t guard_of(std::uint64_t const* words, std::size_t count) noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < std::min(count, guarded_words); ++i) {
        sum += words[i] * guard_factors[i];
    }
    return sum;
}

/// A stream whose length is known when it is compiled: the words stay in registers and on the
/// stack.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): every word is put before it is read
template <std::size_t Count> class fixed_words {
  public:
    void put(std::uint64_t word) noexcept { words_[next_++] = word; }

    void put_bytes(void const* bytes, std::size_t size) noexcept {
        if (std::size_t const whole = words_for(size); whole > 0) {
            words_[next_ + whole - 1] = 0;
            std::memcpy(&words_[next_], bytes, size);
            next_ += whole;
        }
    }

    [[nodiscard]] key128 digest() noexcept {
        words_[Count] = guard_of(words_.data(), Count);
        return hash128(words_.data(), sizeof words_);
    }

  private:
    std::array<std::uint64_t, Count + 1> words_;
    std::size_t next_ = 0;
};

/// A stream of any length: gathered on the stack up to 4 KiB and hashed in one go, handed on in
/// large pieces beyond.
///
/// witness         if given, receives every word of the stream but the guard
class word_stream {
  public:
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): 4 KiB that are mostly never used
    explicit word_stream(std::vector<std::uint64_t>* witness = nullptr) noexcept
        : witness_(witness) {}

    word_stream(word_stream const&) = delete;
    word_stream& operator=(word_stream const&) = delete;

    void put(std::uint64_t word) {
        if (count_ == capacity) {
            spill();
        }
        words_[count_++] = word;
    }

    /// Bytes as they lie in memory, padded with zeros to whole words. Large ones are hashed where
    /// they lie.
    void put_bytes(void const* bytes, std::size_t size) {
        auto const* from = static_cast<std::byte const*>(bytes);
        std::size_t whole = size / word_size;
        if (whole > capacity - count_) {
            // The guard is made of words that were gathered, so the first ones are.
            if (!pieces_) {
                std::size_t const head =
                    std::min(whole, guarded_words - std::min(count_, guarded_words));
                gather(from, head * word_size);
                from += head * word_size;
                whole -= head;
            }
            spill();
            pass_on(from, whole);
        } else {
            gather(from, whole * word_size);
        }
        if (std::size_t const rest = size % word_size; rest != 0) {
            std::uint64_t last = 0;
            std::memcpy(&last, static_cast<std::byte const*>(bytes) + (size - rest), rest);
            put(last);
        }
    }

    /// How many words were put so far.
    [[nodiscard]] std::uint64_t position() const noexcept { return passed_on_ + count_; }

    /// Ends the stream.
    [[nodiscard]] key128 digest() {
        if (!pieces_ && count_ < capacity) {
            bear_witness(words_.data(), count_);
            words_[count_] = guard_of(words_.data(), count_);
            return hash128(words_.data(), (count_ + 1) * word_size);
        }
        spill();
        pieces_->add(&guard_, word_size);
        return pieces_->digest();
    }

  private:
    static constexpr std::size_t capacity = 512;

    void gather(std::byte const* bytes, std::size_t size) noexcept {
        if (size != 0) {
            std::memcpy(&words_[count_], bytes, size);
            count_ += size / word_size;
        }
    }

    void pass_on(void const* bytes, std::size_t words) {
        if (words != 0) {
            pieces_->add(bytes, words * word_size);
            passed_on_ += words;
            bear_witness(bytes, words);
        }
    }

    void bear_witness(void const* bytes, std::size_t words) {
        if (witness_ != nullptr && words != 0) {
            auto const old = witness_->size();
            witness_->resize(old + words);
            std::memcpy(witness_->data() + old, bytes, words * word_size);
        }
    }

    void spill() {
        if (!pieces_) {
            guard_ = guard_of(words_.data(), count_);
            pieces_.emplace();
        }
        pass_on(words_.data(), count_);
        count_ = 0;
    }

    std::array<std::uint64_t, capacity> words_;
    std::size_t count_ = 0;
    std::uint64_t passed_on_ = 0;
    std::uint64_t guard_ = 0;
    std::optional<hash128_pieces> pieces_;
    std::vector<std::uint64_t>* witness_;
};

} // namespace memo::detail
