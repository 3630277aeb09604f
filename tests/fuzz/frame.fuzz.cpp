// SPDX-License-Identifier: BSL-1.0
//
// Bytes of a fuzzer as a frame: as they are, and with what it cannot guess put right, so that it gets
// past the checksum. A frame is whole or none; what is in it is a record or corrupt; nothing throws.

#include <memo/detail/record/any_averaged.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/record/sources.hpp>

#include "fuzz/allocations.hpp"
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <typeinfo>
#include <vector>

namespace {

namespace detail = memo::detail;
using bytes = std::vector<std::byte>;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

/// Reads the payload of a whole frame as a record of this type.
template <class Record> void read_as(detail::frame_header header, bytes frame) {
    header.type = detail::type_tag<Record>();
    require(detail::seal(frame, header));
    detail::unix_time const now{std::chrono::seconds(header.created)};
    std::size_t const before = memo_test::allocated();
    detail::frame_codec<Record> const codec(header.scope);
    auto const here = codec.decode(frame, header.key, now);
    require(memo_test::allocated() - before <= (std::size_t{1} << 20U) + 64 * frame.size());
    bool const is_expired = !here.result && here.result.reason() == memo::miss_reason::expired;
    require(is_expired == header.expired(now));
    require(here.result || is_expired || here.result.reason() == memo::miss_reason::corrupt);
    if (here.result) {
        bytes again;
        require(codec.encode(again, here.header, here.result->record, detail::sources_of(frame)));
        require(again.size() == frame.size());
        require(codec.decode(again, header.key, now).result.has_value());
    }
    auto const other = memo::key128{header.key.low + 1, header.key.high};
    require(!detail::check_frame(frame, header.scope, other, header.type));
    require(!detail::check_frame(frame, other, header.key, header.type) || other == header.scope);
}

/// Merges a whole frame with itself, and adopts it as another cache does.
void merge_as(detail::record_kind kind, detail::frame_header header, bytes frame) {
    header.kind = kind;
    require(detail::seal(frame, header));
    bool const has_record =
        detail::any_averaged::decode(detail::payload_of(frame), kind).has_value();
    bool const has_sources = detail::record_sources::decode(frame).has_value();
    require(has_record || !has_sources);
    bytes merged;
    std::uint64_t const incarnation = header.checksum | 1U;
    auto const outcome = detail::merge_frames(frame, frame, incarnation, false, merged);
    require(outcome == detail::merge_outcome::unchanged ||
            (outcome == detail::merge_outcome::malformed && !has_sources));
    bytes const adopted = detail::adopted_frame(frame, incarnation);
    if (!adopted.empty()) {
        require(detail::check_frame(adopted).has_value());
        require(detail::merge_frames(adopted, frame, incarnation, true, merged) !=
                detail::merge_outcome::different_lengths);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const input = std::as_bytes(std::span(data, size));
    auto const claimed = detail::header_of(input);
    auto const checked = detail::check_frame(input);
    require(claimed.has_value() == (size >= detail::frame_header_size));
    require(!checked || claimed);
    if (!claimed) {
        return 0;
    }
    require(claimed->computing().count() >= 0);

    bytes frame(input.begin(), input.end());
    detail::frame_header header = *claimed;
    header.magic = detail::frame_magic;
    header.format = detail::frame_format;
    require(detail::seal(frame, header));
    auto const whole = detail::check_frame(frame);
    require(whole.has_value() == detail::size_of_sources(frame).has_value());
    if (!whole) {
        return 0;
    }
    require(whole->key == header.key && whole->payload == size - detail::frame_header_size);
    read_as<double>(header, frame);
    read_as<std::string>(header, frame);
    read_as<std::vector<std::vector<int>>>(header, frame);
    read_as<detail::averaged_record<std::vector<double>>>(header, frame);
    read_as<detail::betting_record<std::vector<double>>>(header, frame);
    merge_as(detail::record_kind::moments, header, frame);
    merge_as(detail::record_kind::bets, header, frame);

    std::size_t const bit = claimed->checksum % (8 * size);
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    require(!detail::check_frame(frame));
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    require(!detail::check_frame(std::span(frame).first(size - 1)));
    return 0;
}
