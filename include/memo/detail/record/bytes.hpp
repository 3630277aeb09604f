// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where a record's bytes go to and come from. Scalars are little-endian, as wide as they are, and
// lie anywhere: nothing is aligned. What is read comes from disk or network and may be anything, so
// the source never gives more than it has, no count that it tells is larger than its bytes, and
// memory and time that a reader takes are charged to an allowance that is linear in them
// (docs/decisions/0058-decoding-allowance.md).

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

/// The bytes are not those of a record of the type that is asked for.
struct malformed : std::exception {
    [[nodiscard]] char const* what() const noexcept override {
        return "memo: the bytes are not those of a record of this type";
    }
};

/// What reading a record may be charged: the bytes of the objects that are made of it, and of the
/// keys that are compared to put them into hash tables. A writer keeps to half of it, as its tables
/// and its objects may be of another shape and size than those of the reader.
[[nodiscard]] constexpr std::size_t reading_allowance(std::size_t bytes) noexcept {
    return saturated_sum(std::size_t{1} << 25, saturated_product<std::size_t>(128, bytes));
}

/// Appends to a vector of bytes, and adds up what a reader of them will be charged.
class byte_sink {
  public:
    explicit byte_sink(std::vector<std::byte>& out) noexcept : out_(out), start_(out.size()) {}

    [[nodiscard]] std::size_t size() const noexcept { return out_.size() - start_; }

    /// For what byte_source::charge is called with.
    void charge(std::size_t count, std::size_t each) noexcept {
        charged_ = saturated_sum(charged_, saturated_product(count, each));
    }

    /// Whether a reader may be charged that much.
    [[nodiscard]] bool is_readable() const noexcept {
        return charged_ <= reading_allowance(size()) / 2;
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
/// Throws:         malformed, instead of reading past the end or beyond the allowance
class byte_source {
  public:
    explicit byte_source(std::span<std::byte const> bytes) noexcept
        : left_(bytes), allowance_(reading_allowance(bytes.size())) {}

    /// Before memory is taken, or a chain is searched, for so many elements of so many bytes each.
    void charge(std::size_t count, std::size_t each) {
        std::size_t const cost = saturated_product(count, each);
        if (cost > allowance_) {
            throw malformed();
        }
        allowance_ -= cost;
    }

    [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }

    void take_bytes(void* to, std::size_t size) {
        if (size > left_.size()) {
            throw malformed();
        }
        if (size > 0) {
            std::memcpy(to, left_.data(), size);
        }
        left_ = left_.subspan(size);
    }

    template <class T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    [[nodiscard]] T take() {
        T value{};
        take_bytes(&value, sizeof value);
        return value;
    }

    /// How many elements follow, each of which takes `least` bytes or more. No more than the bytes
    /// that are left can hold.
    [[nodiscard]] std::size_t take_count(std::size_t least = 1) {
        auto const count = take<std::uint64_t>();
        if (count > left_.size() / least) {
            throw malformed();
        }
        return static_cast<std::size_t>(count);
    }

  private:
    std::span<std::byte const> left_;
    std::size_t allowance_;
};

/// A bool of a record is 0 or 1; any other byte would be no value of the type.
template <class Source> [[nodiscard]] bool take_flag(Source& source) {
    auto const byte = source.template take<std::uint8_t>();
    if (byte > 1) {
        throw malformed();
    }
    return byte == 1;
}

} // namespace memo::detail
