// SPDX-License-Identifier: BSL-1.0
#pragma once

// Between the records of one function and the items of a store: frames with a time to live.

#include <memo/backend.hpp>
#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace memo::detail {

/// The bytes to store, and for how long.
struct encoded_item {
    std::vector<std::byte> frame;
    std::chrono::nanoseconds ttl; ///< 1 ms or more; 0: no limit
};

/// Encodes and decodes under the settings of a backend, and counts what fails.
///
/// Thread safety:  safe
template <class Record> class item_codec {
  public:
    /// settings        of memcached or of a byte store; outlive the codec, as the counters do
    template <class Settings>
    item_codec(Settings const& settings, byte_counters& counters, key128 scope)
        : ttl_(settings.ttl),
          max_value_bytes_(settings.max_value_bytes),
          clock_(&settings.clock),
          counters_(&counters),
          frames_(scope) {}

    /// before          contents that the record was merged from, whose time to live goes on
    /// Returns:        nothing, and counts it, if the frame exceeds `max_value_bytes`
    [[nodiscard]] std::optional<encoded_item>
    encode(key128 key, Record const& record, put_options about,
           frame_contents<Record> const& before = {}) const {
        frame_header const header =
            frames_.merged_header(before, key, now(), about.cost, shorter_ttl(about.ttl, ttl_));
        encoded_item item{{}, std::chrono::nanoseconds(0)};
        if (!frames_.encode(item.frame, header, record) || item.frame.size() > max_value_bytes_) {
            count_one(counters_->too_large);
            return std::nullopt;
        }
        if (header.expires != 0) {
            std::chrono::nanoseconds const remaining(remaining_ns(header.expires, now()));
            item.ttl = std::max<std::chrono::nanoseconds>(remaining, std::chrono::milliseconds(1));
        }
        return item;
    }

    /// counts          whether expiry and damage are counted
    [[nodiscard]] frame_contents<Record> decode(std::span<std::byte const> bytes, key128 key,
                                                bool counts) const {
        frame_contents<Record> contents = frames_.decode(bytes, key, now());
        if (counts && !contents.result) {
            count_one(contents.result.reason() == miss_reason::expired ? counters_->expirations
                                                                       : counters_->corrupt);
        }
        return contents;
    }

  private:
    [[nodiscard]] unix_time now() const {
        return *clock_ ? (*clock_)() : std::chrono::system_clock::now();
    }

    std::chrono::nanoseconds ttl_;
    std::size_t max_value_bytes_;
    std::function<std::chrono::system_clock::time_point()> const* clock_;
    byte_counters* counters_;
    frame_codec<Record> frames_;
};

} // namespace memo::detail
