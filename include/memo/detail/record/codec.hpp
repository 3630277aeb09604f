// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes a record as portable little-endian bytes, and decodes it. The library has codecs for
// standard types (codec_values.hpp, codec_ranges.hpp, codec_vocabulary.hpp); cereal functions
// encode classes (archives.hpp). The decoder expects hostile bytes: bytes.hpp lists its checks.

#include <memo/detail/key/foreign_types.hpp>
#include <memo/detail/record/archives.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace memo::detail {

/// Whether a record is decoded without running code of the user. Refuses types that have no codec:
/// backends instantiate this first.
template <class Record>
inline constexpr bool plain_record = [] {
    require_own_function<Record, recorded_by_base<Record>>();
    static_assert(
        !compares_by_state<Record>,
        "memo: this result cannot be stored outside of the process: its comparator, hash or "
        "equality has a state, which would be lost. Return a container with a stateless one, "
        "such as std::less or a functor without members");
    static_assert(
        !eigen_type<Record> || codable<Record>,
        "memo: this result cannot be stored outside of the process: an Eigen matrix needs "
        "#include <memo/types/eigen.hpp>, before the call of memoize");
    static_assert(
        codable<Record> || eigen_type<Record> || compares_by_state<Record> ||
            recorded_by_base<Record>,
        "memo: this result cannot be stored outside of the process. Give its class a cereal "
        "serialize() of its own, or include the cereal/types header that it needs");
    if constexpr (codable<Record>) {
        return codec_of<Record>::plain;
    } else {
        return false;
    }
}();

/// Appends the bytes of a record. Returns false if decode_record() may refuse them: the record
/// needs far more memory than its bytes, or keys of its hash tables collide.
///
/// Throws:         exceptions of serialize(); memo::error for classes that are nested too deeply
template <class Record>
[[nodiscard]] bool encode_record(std::vector<std::byte>& out, Record const& record) {
    if constexpr (plain_record<Record>) {
        byte_sink sink(out);
        put_value(sink, record);
        return sink.is_decodable();
    } else if constexpr (codable<Record>) {
        record_writer archive{byte_sink(out)};
        put_value(archive, record);
        return archive.is_decodable();
    } else {
        return false;
    }
}

/// Decodes a record that occupies all of the bytes.
///
/// Complexity:     memory and time linear in the bytes, see decoding_allowance
/// Throws:         malformed_record; exceptions of serialize()
template <class Record> [[nodiscard]] Record decode_record(std::span<std::byte const> bytes) {
    auto const whole = [](auto& source) {
        Record record = take_value<Record>(source);
        if (source.remaining() != 0) {
            throw malformed_record();
        }
        return record;
    };
    if constexpr (plain_record<Record>) {
        byte_source source(bytes);
        return whole(source);
    } else if constexpr (!codable<Record>) {
        throw malformed_record();
    } else {
        try {
            record_reader archive{byte_source(bytes)};
            return whole(archive);
        } catch (cereal::Exception const&) { // cereal refused an index, a pointer or a name
            throw malformed_record();
        }
    }
}

} // namespace memo::detail
