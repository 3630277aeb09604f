// SPDX-License-Identifier: BSL-1.0
#pragma once

// The canonical stream of key material: 8-byte little-endian words. Every key is the digest of a stream.
//
// A stream ends with a guard word, the sum of its first words, each times its own odd constant. XXH3-128 alone
// has full collisions between short inputs with {w, ~w} and {~w, w}, for about 1 of 2^27 pairs
// (docs/decisions/0002-guard-word.md). The guard, and so the digest, differs for every pair.
//
// Words are stored 8 bytes at a time, and hashed at once as long as they fit on the stack. Packed pieces of 4
// bytes, which the hash reads across their borders, defeat store forwarding and make a hit 2.6 to 3.1 times as
// long. Long bytes are hashed in place, and their digest represents them (docs/decisions/0006-long-bytes.md).

#include <memo/detail/key/hash.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace memo::detail {

static_assert(
    std::endian::native == std::endian::little,
    "memo: keys are streams of little-endian words, and this machine is not little-endian");

inline constexpr std::size_t word_size = sizeof(std::uint64_t);

/// The number of words that `bytes` bytes fill; zeros pad the last one.
constexpr std::size_t words_for(std::size_t bytes) noexcept {
    return bytes / word_size + (bytes % word_size != 0 ? 1 : 0);
}

/// Inputs that XXH3 hashes without its long loop, up to 240 bytes, need a guard.
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
    for (std::size_t i = 0; i < count && i < guarded_words; ++i) {
        sum += words[i] * guard_factors[i];
    }
    return sum;
}

/// A stream with a length known at compile time: the words stay in registers and on the stack.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): every word is put before it is read
template <std::size_t Count> class fixed_words {
  public:
    void put(std::uint64_t word) noexcept { words_[next_++] = word; }

    void put_bytes(void const* bytes, std::size_t size) noexcept {
        auto const* from = static_cast<unsigned char const*>(bytes);
        for (; size >= word_size; size -= word_size, from += word_size) {
            std::memcpy(&words_[next_++], from, word_size);
        }
        if (size > 0) {
            words_[next_] = 0;
            std::memcpy(&words_[next_++], from, size);
        }
    }

    [[nodiscard, gnu::flatten]] key128 digest() noexcept {
        words_[Count] = guard_of(words_.data(), Count);
        return hash128(words_.data(), sizeof words_);
    }

    [[nodiscard]] std::span<std::uint64_t const, Count> words() const noexcept {
        return std::span(words_).template first<Count>();
    }

  private:
    std::array<std::uint64_t, Count + 1> words_;
    std::size_t next_ = 0;
};

/// Byte ranges of at least this length enter a stream as their digest (docs/decisions/0006-long-bytes.md). At
/// least 241: from there on XXH3 uses its long loop, whose digests need no guard.
inline constexpr std::size_t long_bytes = 256;
static_assert(long_bytes > guarded_words * word_size, "fixed words contain no long bytes");

/// fixed_words that replaces long bytes by their digest, for ranges whose length is not part of their type.
template <std::size_t Count> class fixed_digests : public fixed_words<Count> {
  public:
    void put_bytes(void const* bytes, std::size_t size) noexcept {
        if (size < long_bytes) {
            fixed_words<Count>::put_bytes(bytes, size);
            return;
        }
        key128 const digest = hash128(bytes, size);
        this->put(digest.low);
        this->put(digest.high);
    }
};

/// A stream of any length: gathered on the stack and hashed at once up to 4 KiB, in pieces beyond.
///
/// key_material    if not null, receives every word of the stream except the guard, and long bytes in full
class word_stream {
  public:
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): clearing 4 KiB would cost too much
    explicit word_stream(std::vector<std::uint64_t>* key_material = nullptr) noexcept
        : key_material_(key_material) {}

    word_stream(word_stream const&) = delete;
    word_stream& operator=(word_stream const&) = delete;

    void put(std::uint64_t word) {
        if (key_material_ != nullptr) [[unlikely]] {
            add_material(&word, word_size);
        }
        gather(word);
    }

    /// Bytes in their order in memory, padded with zeros to whole words, or the digest of long ones.
    void put_bytes(void const* bytes, std::size_t size);

    /// A text, by the words that it has as an argument.
    // The encoder would add the same words, and compile more slowly.
    void put_text(std::string_view text);

    /// The number of words so far; long bytes count in full.
    [[nodiscard]] std::uint64_t position() const noexcept { return flushed_ + count_ + skipped_; }

    /// Ends the stream.
    [[nodiscard]] key128 digest() noexcept;

  private:
    static constexpr std::size_t capacity = 512;
    static_assert(long_bytes <= (capacity - guarded_words) * word_size,
                  "the first flush must contain all guarded words");

    void gather(std::uint64_t word) noexcept {
        if (count_ == capacity) [[unlikely]] {
            flush();
        }
        words_[count_++] = word;
    }

    void flush() noexcept;
    void add_material(void const* bytes, std::size_t size);

    std::array<std::uint64_t, capacity> words_;
    std::size_t count_ = 0;
    std::uint64_t flushed_ = 0; ///< words in pieces_
    std::uint64_t skipped_ = 0; ///< words of long bytes, less those of their digests
    std::uint64_t guard_ = 0;
    std::optional<hash128_pieces> pieces_;
    std::vector<std::uint64_t>* key_material_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "words.ipp"
#endif
