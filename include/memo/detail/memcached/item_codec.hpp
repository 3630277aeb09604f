// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record in, an item for a server out, and back: the frame of detail/record/frame.hpp, flags that tell our
// items from another program's, and two times to live, the frame's and the server's.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/key128.hpp>
#include <memo/time_span.hpp>

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

/// Makes and reads the items of one function.
///
/// Thread safety:  safe
class item_codec {
  public:
    /// All three outlive the codec, or are copied.
    item_codec(memcached_settings const& settings, memcached_counters& counters, key128 scope)
        : settings_(&settings), counters_(&counters), scope_(scope) {}

    /// False, and counted, if the record is too large.
    template <class Record>
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, key128 key, Record const& record,
                              std::chrono::nanoseconds cost, std::int64_t expires) const {
        auto const header = new_header(scope_, key, now(), cost, expires);
        bool const fits =
            encode_frame(frame, header, record) && frame.size() <= settings_->max_value_bytes;
        if (!fits) {
            count_one(counters_->too_large);
        }
        return fits;
    }

    /// Why there is no record is counted, if it is to be, if the bytes were not ours.
    template <class Record>
    [[nodiscard]] decoded<Record> decode(wire_reply const& reply, key128 key,
                                         bool counts_damage) const {
        decoded<Record> read{};
        read.trouble = frame_trouble::corrupt;
        if (reply.flags == flags) {
            read = decode_frame<Record>(reply.value, scope_, key, now());
        }
        if (read.trouble == frame_trouble::corrupt && counts_damage) {
            count_one(counters_->corrupt);
        }
        return read;
    }

    [[nodiscard]] wire_item item(std::span<std::byte const> frame, std::int64_t expires) const {
        return {frame, flags, expires == 0 ? 0 : item_expiry(until(expires))};
    }

    /// ns since 1970; 0: never. The shorter of what the function and the settings say.
    [[nodiscard]] std::int64_t expiry(put_options about) const {
        std::chrono::nanoseconds const most = settings_->ttl;
        bool const both = about.ttl.count() != 0 && most.count() != 0;
        return detail::expiry(now(),
                              both ? (std::min)(about.ttl, most) : (std::max)(about.ttl, most));
    }

    /// From an expiry to what is left of it; 0: for ever.
    [[nodiscard]] std::chrono::nanoseconds left(std::int64_t expires) const {
        return std::chrono::nanoseconds(expires == 0 ? 0
                                                     : std::max<std::int64_t>(until(expires), 1));
    }

  private:
    static constexpr std::uint32_t flags = frame_magic;

    /// ns from now: a number whatever a frame says.
    [[nodiscard]] std::int64_t until(std::int64_t expires) const {
        return saturated_sum(expires, -now().time_since_epoch().count());
    }

    [[nodiscard]] unix_time now() const {
        return settings_->clock ? settings_->clock() : std::chrono::system_clock::now();
    }

    memcached_settings const* settings_;
    memcached_counters* counters_;
    key128 scope_;
};

} // namespace memo::detail
