// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes the records of one function as frames, and decodes valid frames. All stores of bytes use
// it: disk, memcached, and those of memo::byte_backend.

#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/saturated.hpp>
#include <memo/key128.hpp>
#include <memo/lookup_result.hpp>
#include <memo/outcome.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

/// A decoded frame.
template <class Record> struct frame_contents {
    lookup_result<Record> result{}; ///< corrupt or expired, if the frame has no valid record
    frame_header header{};

    [[nodiscard]] Record const* record() const noexcept {
        return result ? &result->record : nullptr;
    }
};

/// A record with the cost in the header of its frame.
template <class Record>
[[nodiscard]] cached_value<Record> cached_value_of(Record record, frame_header const& header,
                                                   std::chrono::nanoseconds remaining) {
    auto const cost = static_cast<std::uint64_t>(header.computing().count());
    return {std::move(record), cost, remaining};
}

/// The shorter of two times to live; 0 is unlimited.
[[nodiscard]] constexpr std::chrono::nanoseconds
shorter_ttl(std::chrono::nanoseconds one, std::chrono::nanoseconds other) noexcept {
    if (one.count() == 0 || other.count() == 0) {
        return one + other;
    }
    return one < other ? one : other;
}

/// The remaining TTL in ns, at most 0 if the record has expired.
///
/// expires         ns since 1970; any value of the field
[[nodiscard]] inline std::int64_t remaining_ns(std::int64_t expires, unix_time now) noexcept {
    return saturated_sum<std::int64_t>(expires, -now.time_since_epoch().count());
}

/// Converts records of one function to frames and back.
///
/// Thread safety:  safe
template <class Record> class frame_codec {
  public:
    explicit frame_codec(key128 scope) : scope_(scope), type_(type_tag<Record>()) {}

    /// The header of a record that is stored now.
    ///
    /// ttl             0: unlimited
    [[nodiscard]] frame_header header(key128 key, unix_time now, std::chrono::nanoseconds cost,
                                      std::chrono::nanoseconds ttl) const noexcept {
        return new_header(scope_, key, now, cost, expiry(now, ttl));
    }

    /// The header of a record that merges new samples into an old record. Expiry and age count from
    /// the first sample.
    [[nodiscard]] frame_header merged_header(frame_contents<Record> const& old, key128 key,
                                             unix_time now, std::chrono::nanoseconds cost,
                                             std::chrono::nanoseconds ttl) const noexcept {
        frame_header merged = header(key, now, cost, ttl);
        if (old.result) {
            merged.expires = old.header.expires;
            merged.created = old.header.created;
        }
        return merged;
    }

    /// Replaces the contents of `frame`. Returns false, without a valid frame, if the payload
    /// exceeds `max_payload` or a decoder may refuse it.
    ///
    /// sources         of the record before, see sources_of(); outside of `frame`
    /// Throws:         exceptions of serialize()
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header header,
                              Record const& record, std::span<std::byte const> sources = {}) const {
        frame.assign(frame_header_size, std::byte{0});
        if (!encode_record(frame, record)) {
            return false;
        }
        frame.insert(frame.end(), sources.begin(), sources.end());
        header.has_sources = sources.empty() ? 0 : 1;
        header.kind = kind_of_record<Record>;
        header.type = type_;
        return seal(frame, header);
    }

    /// The record of a frame of this function, key and type.
    ///
    /// remaining       maps a header to the remaining TTL, or to nothing if the record has expired
    /// Throws:         exceptions of serialize(); never because the bytes are malformed
    template <std::invocable<frame_header const&> Remaining>
    [[nodiscard]] frame_contents<Record> decode(std::span<std::byte const> bytes, key128 key,
                                                Remaining const& remaining) const {
        auto const header = check_frame(bytes, scope_, key, type_);
        if (!header) {
            return {miss_reason::corrupt, {}};
        }
        std::optional<std::chrono::nanoseconds> const ttl = remaining(*header);
        if (!ttl) {
            return {miss_reason::expired, *header};
        }
        auto record = payload(bytes);
        if (!record) {
            return {miss_reason::corrupt, *header};
        }
        return {cached_value_of(*std::move(record), *header, *ttl), *header};
    }

    /// The record, whose remaining TTL follows from its header alone.
    [[nodiscard]] frame_contents<Record> decode(std::span<std::byte const> bytes, key128 key,
                                                unix_time now) const {
        return decode(bytes, key,
                      [now](frame_header const& header) -> std::optional<std::chrono::nanoseconds> {
                          if (header.expires == 0) {
                              return std::chrono::nanoseconds(0);
                          }
                          std::chrono::nanoseconds const ttl(remaining_ns(header.expires, now));
                          return ttl.count() > 0 ? std::optional(ttl) : std::nullopt;
                      });
    }

    /// The record of a frame that check_frame() accepted; nothing if the payload is malformed.
    ///
    /// Throws:         exceptions of serialize()
    [[nodiscard]] static std::optional<Record> payload(std::span<std::byte const> frame) {
        try {
            return decode_record<Record>(payload_of(frame));
        } catch (malformed_record const&) {
            return std::nullopt;
        }
    }

    /// See type_tag.
    [[nodiscard]] std::uint32_t type() const noexcept { return type_; }

  private:
    key128 scope_;
    std::uint32_t type_;
};

} // namespace memo::detail
