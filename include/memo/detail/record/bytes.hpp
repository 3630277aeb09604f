// SPDX-License-Identifier: BSL-1.0
#pragma once

// The sink and the source of a record's bytes. Scalars are little-endian and unaligned. The source
// expects hostile bytes from disk or network: it never reads past its end, no count exceeds the
// remaining bytes, and the memory and time of a decoder are charged to an allowance that is linear
// in the bytes (docs/decisions/0058-decoding-allowance.md).

#include <memo/detail/key/encode.hpp>
#include <memo/time_span.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <type_traits>
#include <vector>

namespace memo::detail {

static_assert(std::endian::native == std::endian::little,
              "memo: records are little-endian bytes, and this machine is not little-endian");

/// The bytes do not encode a record of the requested type.
struct malformed_record : std::exception {
    [[nodiscard]] char const* what() const noexcept override {
        return "memo: the bytes do not encode a record of this type";
    }
};

/// The maximal charge for decoding a record: the bytes of the objects that are constructed, and of
/// the keys that insertions into hash tables compare. An encoder stays below half of it, because
/// the decoder's objects and hash tables may have other sizes.
[[nodiscard]] constexpr std::size_t decoding_allowance(std::size_t bytes) noexcept {
    return saturated_sum(std::size_t{1} << 25, saturated_product<std::size_t>(128, bytes));
}

/// Appends to a vector of bytes, and sums the charges of their decoder.
class byte_sink {
  public:
    explicit byte_sink(std::vector<std::byte>& out) noexcept : out_(out), start_(out.size()) {}

    [[nodiscard]] std::size_t size() const noexcept { return out_.size() - start_; }

    /// Counts a later byte_source::charge().
    void charge(std::size_t count, std::size_t each) noexcept {
        charged_ = saturated_sum(charged_, saturated_product(count, each));
    }

    /// Whether the charges are within the allowance of a decoder.
    [[nodiscard]] bool is_decodable() const noexcept {
        return charged_ <= decoding_allowance(size()) / 2;
    }

    void put_bytes(void const* bytes, std::size_t size) {
        auto const* const begin = static_cast<std::byte const*>(bytes);
        out_.insert(out_.end(), begin, begin + size);
    }

    template <class T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    void put(T value) { put_bytes(&value, sizeof value); }

    void put_count(std::size_t count) { put(static_cast<std::uint64_t>(count)); }

  private:
    std::vector<std::byte>& out_;
    std::size_t const start_;
    std::size_t charged_ = 0;
};

/// Reads from bytes that it does not own.
///
/// Throws:         malformed_record, instead of reading past the end or beyond the allowance
class byte_source {
  public:
    explicit byte_source(std::span<std::byte const> bytes) noexcept
        : remaining_(bytes), allowance_(decoding_allowance(bytes.size())) {}

    /// Charges `count` elements of `each` bytes. Call it before memory is allocated or a bucket of
    /// a hash table is searched.
    void charge(std::size_t count, std::size_t each) {
        std::size_t const cost = saturated_product(count, each);
        if (cost > allowance_) {
            throw malformed_record();
        }
        allowance_ -= cost;
    }

    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_.size(); }

    void take_bytes(void* to, std::size_t size) {
        if (size > remaining_.size()) {
            throw malformed_record();
        }
        if (size > 0) {
            std::memcpy(to, remaining_.data(), size);
        }
        remaining_ = remaining_.subspan(size);
    }

    template <class T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    [[nodiscard]] T take() {
        T value{};
        take_bytes(&value, sizeof value);
        return value;
    }

    /// The count of the following elements, each of at least `min_size` bytes. At most as many as
    /// fit into the remaining bytes.
    [[nodiscard]] std::size_t take_count(std::size_t min_size = 1) {
        auto const count = take<std::uint64_t>();
        if (count > remaining_.size() / min_size) {
            throw malformed_record();
        }
        return static_cast<std::size_t>(count);
    }

  private:
    std::span<std::byte const> remaining_;
    std::size_t allowance_;
};

/// Reads a bool. Any byte but 0 and 1 is malformed: it is no value of the type.
template <class Source> [[nodiscard]] bool take_bool(Source& source) {
    auto const byte = source.template take<std::uint8_t>();
    if (byte > 1) {
        throw malformed_record();
    }
    return byte == 1;
}

} // namespace memo::detail
