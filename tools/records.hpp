// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record as it lies in a cache in, a line of JSON that another cache can take it from out; and back,
// when all that the line says is true.

#include <memo/backends/disk.hpp>
#include <memo/key/explanation.hpp>

#include "entries.hpp"
#include "readable.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memo_cache {

/// Why a line is not taken: "the record is damaged".
struct refusal : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A frame that was checked.
struct whole_frame {
    detail::frame_header header;
    std::vector<std::byte> bytes;
};

[[nodiscard]] inline std::string digits_of(std::span<std::byte const> bytes) {
    return detail::hexadecimal({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
}

/// Nothing if these are not hexadecimal digits, two for each byte.
[[nodiscard]] inline std::optional<std::vector<std::byte>> bytes_of(std::string_view digits) {
    if (digits.size() % 2 != 0) {
        return std::nullopt;
    }
    std::vector<std::byte> bytes(digits.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        char const* const first = digits.data() + 2 * i;
        std::uint8_t value = 0;
        if (std::from_chars(first, first + 2, value, 16).ptr != first + 2) {
            return std::nullopt;
        }
        bytes[i] = std::byte{value};
    }
    return bytes;
}

[[nodiscard]] inline std::string checksum_of(detail::frame_header const& header) {
    return to_string(memo::key128{header.checksum, 0}).substr(16);
}

/// The line of one entry of a cache.
///
/// frame           checked
[[nodiscard]] inline json line_of(function const& from, detail::frame_header const& header,
                                  std::span<std::byte const> frame) {
    char const* const kind = header.kind == detail::record_kind::name      ? "name"
                             : header.kind == detail::record_kind::moments ? "moments"
                                                                           : "value";
    return {{"function", from.name},
            {"version", from.version},
            {"scope", to_string(header.scope)},
            {"key", to_string(header.key)},
            {"kind", kind},
            {"checksum", checksum_of(header)},
            {"record", digits_of(frame)}};
}

/// A line's fields, unchecked; null if it is no JSON object. What a line may have beside them, nested
/// as deep as it likes, is read over and not kept.
[[nodiscard]] inline json fields_of(std::string const& line) {
    constexpr std::array<std::string_view, 4> names{"scope", "key", "checksum", "record"};
    auto const keeps = [&](int depth, json::parse_event_t event, json& read) {
        switch (event) {
        case json::parse_event_t::object_start:
        case json::parse_event_t::array_start:
            return depth == 0;
        case json::parse_event_t::key:
            return std::ranges::find(names, read.get_ref<std::string const&>()) != names.end();
        default:
            return true;
        }
    };
    json fields = json::parse(line, keeps, false);
    return fields.is_object() ? std::move(fields) : json();
}

[[nodiscard]] inline std::string text_in(json const& fields, char const* name) {
    auto const field = fields.find(name);
    return field != fields.end() && field->is_string() ? field->get<std::string>() : "";
}

/// The entry that a line holds.
///
/// Throws:         refusal
[[nodiscard]] inline whole_frame frame_in(json const& fields) {
    if (fields.is_null()) {
        throw refusal("is no JSON object");
    }
    auto bytes = bytes_of(text_in(fields, "record"));
    if (!bytes || bytes->empty()) {
        throw refusal("has no record in hexadecimal digits; export --records writes one");
    }
    auto const header = detail::check_frame(*bytes);
    if (!header) {
        throw refusal("the record is damaged, or of a format that is not known here");
    }
    if (text_in(fields, "scope") != to_string(header->scope) ||
        text_in(fields, "key") != to_string(header->key) ||
        text_in(fields, "checksum") != checksum_of(*header)) {
        throw refusal("scope, key and checksum are not those of the record");
    }
    if (header->kind == detail::record_kind::name) {
        try {
            static_cast<void>(names_in(*bytes));
        } catch (detail::malformed const&) {
            throw refusal("the record is no function's name");
        }
    } else if (header->kind != detail::record_kind::value &&
               header->kind != detail::record_kind::moments) {
        throw refusal("the record is of a kind that is not known here");
    }
    return {*header, *std::move(bytes)};
}

/// What became of an entry that was to be carried over.
enum class carried { stored, passed_over, too_large };

/// Stores an entry, unless its time is over or the cache has one for its key that can be served.
[[nodiscard]] inline carried carry_over(detail::disk_store& store, whole_frame const& entry) {
    auto const& header = entry.header;
    bool const is_name = header.kind == detail::record_kind::name;
    auto const record = detail::place_of(header.scope, header.key);
    auto const name = detail::name_place_of(header.scope);
    detail::bytes_view const place =
        is_name ? detail::bytes_view(name) : detail::bytes_view(record);
    if (store.is_old(header)) {
        return carried::passed_over;
    }
    return store.write([&](detail::disk_write const& write) {
        if (auto const found = detail::find_record(write, place)) {
            auto const here = detail::check_frame(*found);
            if (here && here->scope == header.scope && here->key == header.key &&
                !store.is_old(*here)) {
                return carried::passed_over;
            }
        }
        if (is_name) {
            detail::insert_record(write, place, entry.bytes);
            return carried::stored;
        }
        return store.insert_frame(write, store.open(header.scope), header.key, entry.bytes)
                   ? carried::stored
                   : carried::too_large;
    });
}

} // namespace memo_cache
