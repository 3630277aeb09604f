// SPDX-License-Identifier: BSL-1.0
#pragma once

// The frame around every record at rest: format 1 of docs/format.md, "Record at rest".
// check_frame() expects hostile bytes: it checks size, magic, format, function, key, type, length
// and checksum before a codec reads the payload. frame_codec.hpp encodes and decodes frames.

#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/type_name.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>
#include <memo/time_span.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace memo::detail {

inline constexpr std::uint16_t frame_format = 1;
inline constexpr std::uint32_t frame_magic = 0x6f6d656d; ///< "memo"

/// 32 bits of the digest of a type's name.
template <class T> [[nodiscard]] std::uint32_t type_tag() {
    std::string_view const name = type_name<T>();
    return static_cast<std::uint32_t>(hash64(name.data(), name.size()));
}

/// Nanoseconds since 1970, UTC.
using unix_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// The header of a frame, in the layout of the stored bytes.
struct frame_header {
    std::uint64_t checksum = 0; ///< XXH3-64 of all bytes that follow
    std::uint32_t magic = frame_magic;
    std::uint16_t format = frame_format;
    record_kind kind = record_kind::value;
    std::uint8_t has_sources = 0; ///< 1: a list of sources follows the record, see record_sources
    key128 scope;                 ///< of the function
    key128 key;                   ///< of the call
    std::uint32_t type = 0;       ///< see type_tag
    std::uint32_t payload = 0;    ///< bytes
    std::uint32_t created = 0;    ///< seconds since 1970
    float cost = 0;               ///< duration of the computation, seconds
    std::int64_t expires = 0;     ///< ns since 1970; 0: never

    [[nodiscard]] bool expired(unix_time now) const noexcept {
        return expires != 0 && now.time_since_epoch().count() >= expires;
    }
    [[nodiscard]] std::chrono::nanoseconds computing() const noexcept {
        constexpr double max_ns = 9e18;
        double const ns = static_cast<double>(cost) * 1e9;
        return std::chrono::nanoseconds(ns >= 0 && ns < max_ns ? std::llround(ns) : 0);
    }
};

inline constexpr std::size_t frame_header_size = 72;
static_assert(sizeof(frame_header) == frame_header_size);
static_assert(std::is_trivially_copyable_v<frame_header>);

/// The maximal size of a payload, bytes.
inline constexpr std::size_t max_payload = (std::numeric_limits<std::uint32_t>::max)();

/// The time in the 4 bytes of a frame, clamped to the years 1970 to 2106.
[[nodiscard]] inline std::uint32_t seconds_since_1970(std::chrono::sys_seconds time) noexcept {
    constexpr std::int64_t last = (std::numeric_limits<std::uint32_t>::max)();
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, last));
}

/// The expiry of a record that is stored now, ns since 1970. 0 if ttl is 0: the record never
/// expires.
[[nodiscard]] inline std::int64_t expiry(unix_time now, std::chrono::nanoseconds ttl) noexcept {
    return ttl.count() == 0 ? 0 : saturated_sum(now, ttl).time_since_epoch().count();
}

/// The header of a record that is created now.
[[nodiscard]] inline frame_header new_header(key128 scope, key128 key, unix_time now,
                                             std::chrono::nanoseconds cost,
                                             std::int64_t expires) noexcept {
    frame_header header;
    header.scope = scope;
    header.key = key;
    header.created = seconds_since_1970(std::chrono::floor<std::chrono::seconds>(now));
    header.cost = std::chrono::duration<float>(cost).count();
    header.expires = expires;
    return header;
}

/// Completes a frame. `bytes` holds room for the header, then the payload. Returns false, and
/// completes nothing, if the payload is too large.
[[nodiscard]] inline bool seal(std::vector<std::byte>& bytes, frame_header header) noexcept {
    std::size_t const payload = bytes.size() - frame_header_size;
    if (payload > max_payload) {
        return false;
    }
    header.payload = static_cast<std::uint32_t>(payload);
    std::memcpy(bytes.data(), &header, frame_header_size);
    constexpr std::size_t start = sizeof header.checksum;
    header.checksum = hash64(bytes.data() + start, bytes.size() - start);
    std::memcpy(bytes.data(), &header.checksum, start);
    return true;
}

/// The unchecked header of these bytes; nothing if they are shorter than a header.
[[nodiscard]] inline std::optional<frame_header>
header_of(std::span<std::byte const> bytes) noexcept {
    if (bytes.size() < frame_header_size) {
        return std::nullopt;
    }
    frame_header header;
    std::memcpy(&header, bytes.data(), frame_header_size);
    return header;
}

/// The bytes of the list of sources at the end of a payload, and of its size behind it; 0 without one,
/// nothing if the payload is too small for it.
///
/// frame           at least a header
[[nodiscard]] inline std::optional<std::size_t>
size_of_sources(std::span<std::byte const> frame) noexcept {
    auto const has_sources =
        std::to_integer<unsigned>(frame[__builtin_offsetof(frame_header, has_sources)]);
    if (has_sources == 0) [[likely]] {
        return 0;
    }
    std::uint64_t size = 0;
    if (has_sources != 1 || frame.size() < frame_header_size + sizeof size) {
        return std::nullopt;
    }
    std::memcpy(&size, frame.data() + frame.size() - sizeof size, sizeof size);
    return size <= frame.size() - frame_header_size - sizeof size
               ? std::optional(static_cast<std::size_t>(size) + sizeof size)
               : std::nullopt;
}

/// The header of these bytes, if they are one whole frame of this format with a valid checksum.
///
/// Complexity:     linear in the bytes
[[nodiscard]] inline std::optional<frame_header>
check_frame(std::span<std::byte const> bytes) noexcept {
    auto const header = header_of(bytes);
    constexpr std::size_t start = sizeof(frame_header::checksum);
    if (!header || header->magic != frame_magic || header->format != frame_format ||
        header->payload != bytes.size() - frame_header_size ||
        header->checksum != hash64(bytes.data() + start, bytes.size() - start) ||
        !size_of_sources(bytes)) {
        return std::nullopt;
    }
    return header;
}

/// The header, if the bytes are a valid frame of this function, key and type.
[[nodiscard]] inline std::optional<frame_header> check_frame(std::span<std::byte const> bytes,
                                                             key128 scope, key128 key,
                                                             std::uint32_t type) noexcept {
    auto const header = check_frame(bytes);
    if (!header || header->scope != scope || header->key != key || header->type != type) {
        return std::nullopt;
    }
    return header;
}

/// The list of sources in a frame that check_frame() accepted, with its size at its end; empty without one.
[[nodiscard]] inline std::span<std::byte const>
sources_of(std::span<std::byte const> frame) noexcept {
    return frame.last(size_of_sources(frame).value_or(0));
}

/// The record's bytes in a frame that check_frame() accepted.
[[nodiscard]] inline std::span<std::byte const>
payload_of(std::span<std::byte const> frame) noexcept {
    return frame.subspan(frame_header_size,
                         frame.size() - frame_header_size - sources_of(frame).size());
}

} // namespace memo::detail
