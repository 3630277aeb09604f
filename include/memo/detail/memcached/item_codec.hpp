// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record in, an item for a server out, and back: the frame of detail/record/frame_codec.hpp, flags that tell our
// items from another program's, and two times to live, the frame's and the server's.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace memo::detail {

/// A time to live as the protocol has it, rounded up by a second.
///
/// left            ns
/// Source:         memcached, doc/protocol.txt, "Expiration times": above 30 days it is an absolute
///                 time, so that a longer one must be given as one
[[nodiscard]] inline std::int64_t item_expiry(std::int64_t left) {
    constexpr std::int64_t ns_per_second = 1'000'000'000;
    constexpr std::int64_t longest_relative = std::int64_t{60} * 60 * 24 * 30;
    constexpr std::int64_t longest_absolute = INT32_MAX; // memcached's exptime is 32 bits wide
    if (left <= 0) {
        return -1;
    }
    std::int64_t const seconds = left / ns_per_second + 1;
    if (seconds <= longest_relative) {
        return seconds;
    }
    auto const now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return (std::min)(now.count() + seconds, longest_absolute);
}

/// Encodes and decodes the items of one function: frames with flags and a time to live of the server's.
///
/// Thread safety:  safe
template <class Record> class item_codec {
  public:
    /// settings, counters  outlive the codec
    item_codec(memcached_settings const& settings, memcached_counters& counters, key128 scope)
        : settings_(&settings), counters_(&counters), frames_(scope) {}

    /// The header of a record that is stored now, or merged from the one before, with the shorter time
    /// to live of the function's and the settings'.
    [[nodiscard]] frame_header header(frame_contents<Record> const& before, key128 key,
                                      put_options about) const {
        return frames_.merged_header(before, key, now(), about.cost,
                                     shorter_ttl(about.ttl, settings_->ttl));
    }

    /// False, and counted, if the record is too large.
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header const& header,
                              Record const& record) const {
        bool const fits =
            frames_.encode(frame, header, record) && frame.size() <= settings_->max_value_bytes;
        if (!fits) {
            count_one(counters_->too_large);
        }
        return fits;
    }

    /// counts_damage   whether bytes that are no frame of this key count as corrupt
    [[nodiscard]] frame_contents<Record> decode(wire_reply const& reply, key128 key,
                                                bool counts_damage) const {
        frame_contents<Record> read{miss_reason::corrupt, {}};
        if (reply.flags == flags) {
            read = frames_.decode(reply.value, key, now());
        }
        if (counts_damage && !read.result && read.result.reason() == miss_reason::corrupt) {
            count_one(counters_->corrupt);
        }
        return read;
    }

    [[nodiscard]] wire_item item(std::span<std::byte const> frame, std::int64_t expires) const {
        return {frame, flags, expires == 0 ? 0 : item_expiry(remaining_ns(expires, now()))};
    }

  private:
    static constexpr std::uint32_t flags = frame_magic;

    [[nodiscard]] unix_time now() const {
        return settings_->clock ? settings_->clock() : std::chrono::system_clock::now();
    }

    memcached_settings const* settings_;
    memcached_counters* counters_;
    frame_codec<Record> frames_;
};

} // namespace memo::detail
