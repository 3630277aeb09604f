// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names of functions, which precede all records. Tools list them, and they provide
// miss_reason::version.

#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace memo::detail {

/// The name and version of a function.
using function_label = std::pair<std::string, std::string>;

/// The frame of a function's name; empty if it is too large.
[[nodiscard]] inline std::vector<std::byte> name_frame(key128 scope, function_label const& label,
                                                       unix_time now) {
    std::vector<std::byte> frame(frame_header_size);
    static_cast<void>(encode_record(frame, label));
    frame_header header = new_header(scope, {}, now, std::chrono::nanoseconds(0), 0);
    header.kind = record_kind::name;
    if (!seal(frame, header)) {
        frame.clear();
    }
    return frame;
}

/// The name in a frame; nothing if the frame is damaged, of another kind or malformed.
[[nodiscard]] inline std::optional<function_label> decode_label(bytes_view frame) {
    auto const header = check_frame(frame);
    if (!header || header->kind != record_kind::name) {
        return std::nullopt;
    }
    try {
        return decode_record<function_label>(payload_of(frame));
    } catch (malformed_record const&) {
        return std::nullopt;
    }
}

/// Visits the names until visit(key_and_value) returns false.
template <class Visit> void for_each_name(read_transaction const& snapshot, Visit const& visit) {
    disk_cursor entries = snapshot.entries();
    auto found = entries.seek();
    while (found && !is_record(*found) && visit(*found)) {
        found = entries.next();
    }
}

/// The number of functions whose names are stored.
[[nodiscard]] inline std::size_t count_names(read_transaction const& snapshot) {
    std::size_t names = 0;
    for_each_name(snapshot, [&](key_and_value const&) {
        ++names;
        return true;
    });
    return names;
}

/// The reason for misses of absent keys of a scope: miss_reason::version if the name is stored for
/// other scopes, but not for this one.
///
/// Complexity:     O(log entries) if it is stored for this scope; otherwise linear in the names
[[nodiscard]] inline miss_reason reason_of_absence(read_transaction const& snapshot, key128 scope,
                                                   std::string const& name) {
    auto reason = miss_reason::absent;
    bytes_view own;
    if (snapshot.find(name_place_of(scope), own) != lookup_status::absent) {
        return reason;
    }
    byte_buffer frame; // writers may overwrite the original
    for_each_name(snapshot, [&](key_and_value const& entry) {
        frame.assign(entry.value);
        auto const label = decode_label(frame.get());
        if (label && label->first == name) {
            reason = miss_reason::version;
        }
        return reason == miss_reason::absent;
    });
    return reason;
}

} // namespace memo::detail
