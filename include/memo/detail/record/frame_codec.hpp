// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes the records of one function into frames, and decodes frames whose every check holds. All stores
// of bytes use it: disk, memcached, and those of memo::byte_backend.

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
    lookup_result<Record> result{}; ///< corrupt or expired, if the frame holds no record to serve
    frame_header header{};

    [[nodiscard]] Record const* record() const noexcept {
        return result ? &result->record : nullptr;
    }
};

/// A record and what the header of its frame says.
template <class Record>
[[nodiscard]] cached_value<Record> cached_value_of(Record record, frame_header const& header,
                                                   std::chrono::nanoseconds remaining) {
    auto const cost = static_cast<std::uint64_t>(header.computing().count());
    return {std::move(record), cost, remaining};
}

/// The shorter of two times to live, where 0 is for ever.
[[nodiscard]] constexpr std::chrono::nanoseconds
shorter_ttl(std::chrono::nanoseconds one, std::chrono::nanoseconds other) noexcept {
    if (one.count() == 0 || other.count() == 0) {
        return one + other;
    }
    return one < other ? one : other;
}

/// The remaining TTL of a record that expires then, in ns; not positive if it has expired.
///
/// expires         ns since 1970, any number that a frame may hold
[[nodiscard]] inline std::int64_t remaining_ns(std::int64_t expires, unix_time now) noexcept {
    return saturated_sum(expires, -now.time_since_epoch().count());
}

/// Between records of type Record, of the function of one scope, and frames.
///
/// Thread safety:  safe
template <class Record> class frame_codec {
  public:
    explicit frame_codec(key128 scope) : scope_(scope), type_(type_tag(typeid(Record))) {}

    /// The header of a record that is stored now.
    ///
    /// ttl             0: for ever
    [[nodiscard]] frame_header header(key128 key, unix_time now, std::chrono::nanoseconds cost,
                                      std::chrono::nanoseconds ttl) const noexcept {
        return new_header(scope_, key, now, cost, expiry(now, ttl));
    }

    /// The same of a record that was merged from the one that a frame held, if it held one: the time to
    /// live and the age count from the first sample.
    [[nodiscard]] frame_header merged_header(frame_contents<Record> const& before, key128 key,
                                             unix_time now, std::chrono::nanoseconds cost,
                                             std::chrono::nanoseconds ttl) const noexcept {
        frame_header next = header(key, now, cost, ttl);
        if (before.result) {
            next.expires = before.header.expires;
            next.created = before.header.created;
        }
        return next;
    }

    /// Replaces the contents of `frame`. False, and no frame, if the payload is larger than
    /// `largest_payload` or such that a reader may refuse it.
    ///
    /// Throws:         what a serialize() throws
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header header,
                              Record const& record) const {
        frame.assign(frame_header_size, std::byte{0});
        if (!encode_record(frame, record)) {
            return false;
        }
        header.kind = kind_of_record<Record>;
        header.type = type_;
        return seal(frame, header);
    }

    /// The record of a frame of this function, key and type.
    ///
    /// remaining       frame_header in; remaining TTL out, or nothing if the record has expired
    /// Throws:         what a serialize() throws; never because of what the bytes are
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

    /// The same of a record that lives as long as its header says.
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

    /// The record of a frame that check_frame() accepted; nothing if its payload is none.
    ///
    /// Throws:         what a serialize() throws
    [[nodiscard]] static std::optional<Record> payload(std::span<std::byte const> frame) {
        try {
            return decode_record<Record>(payload_of(frame));
        } catch (malformed const&) {
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
