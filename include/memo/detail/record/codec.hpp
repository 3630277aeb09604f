// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record in, portable little-endian bytes out, and back. Types that the library knows need nothing
// (codec_values.hpp, codec_ranges.hpp, codec_vocabulary.hpp); classes are written and read by their
// cereal functions (archives.hpp). The bytes that are read may be anything: see bytes.hpp for what is
// never believed.

#include <memo/detail/record/archives.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace memo::detail {

/// Whether a record is read without running code of the user. What no record can be made of is
/// refused here, which backends ask first.
template <class Record>
inline constexpr bool plain_record = [] {
    require_own_function<Record, recorded_by_base<Record>>();
    static_assert(
        !compares_by_state<Record>,
        "memo: this result cannot be kept outside of the process: its comparator, hash or "
        "equality has a state, which would be lost. Return a container with one whose type "
        "says all, as std::less or a functor without members");
    static_assert(
        codable<Record> || compares_by_state<Record> || recorded_by_base<Record>,
        "memo: this result cannot be kept outside of the process. Give its class a cereal "
        "serialize() of its own, or include the cereal/types header that it needs");
    if constexpr (codable<Record>) {
        return codec_of<Record>::plain;
    } else {
        return false;
    }
}();

/// Appends the bytes of a record. False if decode_record may refuse them, as the record takes far
/// more memory than its bytes, or its hash tables have keys that collide.
///
/// Throws:         what a serialize() throws; memo::error for classes too deep in one another
template <class Record>
[[nodiscard]] bool encode_record(std::vector<std::byte>& out, Record const& record) {
    if constexpr (plain_record<Record>) {
        byte_sink sink(out);
        put_value(sink, record);
        return sink.is_readable();
    } else if constexpr (codable<Record>) {
        record_writer archive{byte_sink(out)};
        put_value(archive, record);
        return archive.is_readable();
    } else {
        return false;
    }
}

/// The record that these bytes are, all of them.
///
/// Complexity:     memory and time linear in the bytes, see reading_allowance
/// Throws:         malformed; what a serialize() throws
template <class Record> [[nodiscard]] Record decode_record(std::span<std::byte const> bytes) {
    auto const whole = [](auto& source) {
        Record record = take_value<Record>(source);
        if (source.left() != 0) {
            throw malformed();
        }
        return record;
    };
    if constexpr (plain_record<Record>) {
        byte_source source(bytes);
        return whole(source);
    } else if constexpr (!codable<Record>) {
        throw malformed();
    } else {
        try {
            record_reader archive{byte_source(bytes)};
            return whole(archive);
        } catch (cereal::Exception const&) { // cereal's own refusals: an index, a pointer, a name
            throw malformed();
        }
    }
}

} // namespace memo::detail
