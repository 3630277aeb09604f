// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes a stored record as a line of JSON, from which another cache can import it; and decodes such a
// line, after checks of all its fields.

#include <memo/tools/maintenance.hpp>

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

/// Why a line is refused: "the record is damaged".
struct refusal : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[nodiscard]] inline std::string digits_of(std::span<std::byte const> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (std::byte const byte : bytes) {
        text += digits[std::to_integer<std::size_t>(byte >> 4U)];
        text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return text;
}

[[nodiscard]] inline std::string checksum_of(memo::stored_entry const& entry) {
    return to_string(memo::key128{entry.checksum, 0}).substr(16);
}

/// The line of one entry of a cache.
///
/// entry           intact
[[nodiscard]] inline json line_of(memo::stored_function const& from,
                                  memo::stored_entry const& entry) {
    char const* const kind = entry.kind == memo::entry_kind::name      ? "name"
                             : entry.kind == memo::entry_kind::moments ? "moments"
                                                                       : "value";
    return {{"function", from.name},
            {"version", from.version},
            {"scope", to_string(entry.scope)},
            {"key", to_string(entry.key)},
            {"kind", kind},
            {"checksum", checksum_of(entry)},
            {"record", digits_of(entry.frame)}};
}

/// Reads the fields that import needs from the parts of a line. Only the record's bytes take memory; other
/// fields, nested to any depth, are skipped.
class line_reader {
  public:
    /// most            maximum of bytes of a record
    explicit line_reader(std::size_t most) : most_(most) {}

    void take(std::string_view part) {
        for (char const c : part) {
            if (state_ == state::broken) {
                return;
            }
            state_ = behind(c);
        }
    }

    /// Whether the line was an object of JSON. Only the ends of numbers and of nested values are
    /// checked.
    [[nodiscard]] bool is_object() const noexcept { return state_ == state::end; }
    [[nodiscard]] bool is_too_long() const noexcept { return is_too_long_; }
    /// As in the line, at most 64 characters; empty if there is none.
    [[nodiscard]] std::string const& scope() const noexcept { return texts_[0]; }
    [[nodiscard]] std::string const& key() const noexcept { return texts_[1]; }
    [[nodiscard]] std::string const& checksum() const noexcept { return texts_[2]; }
    /// Empty if there is none in hexadecimal digits, two for each byte.
    [[nodiscard]] std::vector<std::byte> take_record() {
        return is_hexadecimal_ && !has_half_ ? std::exchange(record_, {})
                                             : std::vector<std::byte>();
    }

  private:
    enum class state {
        begin,
        first_name,
        next_name,
        name,
        colon,
        value,
        text,
        nested,
        nested_text,
        scalar,
        separator,
        end,
        broken
    };
    enum class field { none, scope, key, checksum, record };
    static constexpr std::array<std::string_view, 5> names{"", "scope", "key", "checksum",
                                                           "record"};

    [[nodiscard]] state behind(char c) {
        bool const is_space = c == ' ' || c == '\t' || c == '\r';
        switch (state_) {
        case state::begin:
            return is_space ? state_ : c == '{' ? state::first_name : state::broken;
        case state::first_name:
        case state::next_name:
            name_.clear();
            return is_space                                  ? state_
                   : c == '"'                                ? state::name
                   : c == '}' && state_ == state::first_name ? state::end
                                                             : state::broken;
        case state::name:
            if (ends_text(c)) {
                return state::colon;
            }
            append(name_, c);
            return state_;
        case state::colon:
            return is_space ? state_ : c == ':' ? state::value : state::broken;
        case state::value:
            return is_space ? state_ : begin_value(c);
        case state::text:
            if (ends_text(c)) {
                return state::separator;
            }
            take_character(c);
            return state_;
        case state::nested:
            depth_ += c == '{' || c == '[' ? 1U : 0U;
            depth_ -= c == '}' || c == ']' ? 1U : 0U;
            return depth_ == 0 ? state::separator : c == '"' ? state::nested_text : state_;
        case state::nested_text:
            return ends_text(c) ? state::nested : state_;
        case state::scalar:
        case state::separator:
            if (c == ',' || c == '}') {
                return c == ',' ? state::next_name : state::end;
            }
            return is_space || (state_ == state::scalar && c != '"' && c != '{' && c != '[')
                       ? state_
                       : state::broken;
        case state::end:
            return is_space ? state_ : state::broken;
        case state::broken:
            break;
        }
        return state::broken;
    }

    /// Whether a character is the closing quote of a text.
    [[nodiscard]] bool ends_text(char c) noexcept {
        bool const was_escaped = std::exchange(is_escaped_, c == '\\' && !is_escaped_);
        return c == '"' && !was_escaped;
    }

    [[nodiscard]] state begin_value(char c) {
        if (c == ',' || c == '}' || c == ']' || c == ':') {
            return state::broken;
        }
        if (c == '{' || c == '[') {
            depth_ = 1;
            return state::nested;
        }
        if (c != '"') {
            return state::scalar;
        }
        auto const known = std::ranges::find(names, name_);
        field_ = known == names.end() || name_.empty() ? field::none
                                                       : static_cast<field>(known - names.begin());
        if (field_ == field::record) {
            record_.clear();
            is_hexadecimal_ = true;
            has_half_ = false;
        } else if (field_ != field::none) {
            text().clear();
        }
        return state::text;
    }

    [[nodiscard]] std::string& text() { return texts_.at(static_cast<std::size_t>(field_) - 1); }

    static void append(std::string& text, char c) {
        constexpr std::size_t most = 64;
        if (text.size() < most) {
            text += c;
        }
    }

    void take_character(char c) {
        if (field_ == field::record) {
            take_digit(c);
        } else if (field_ != field::none) {
            append(text(), c);
        }
    }

    void take_digit(char c) {
        std::uint8_t value = 0;
        if (std::from_chars(&c, &c + 1, value, 16).ptr != &c + 1) {
            is_hexadecimal_ = false;
        }
        is_too_long_ = is_too_long_ || record_.size() == most_;
        if (!is_hexadecimal_ || is_too_long_) {
            record_ = {};
            return;
        }
        if (has_half_) {
            record_.push_back(std::byte{static_cast<unsigned char>(half_ << 4U | value)});
        }
        half_ = value;
        has_half_ = !has_half_;
    }

    std::size_t most_;
    state state_ = state::begin;
    field field_ = field::none; ///< the field whose text follows
    std::string name_;
    std::array<std::string, 3> texts_;
    std::vector<std::byte> record_;
    std::size_t depth_ = 0; ///< nesting within the value
    unsigned half_ = 0;     ///< the first digit of a byte
    bool has_half_ = false;
    bool is_escaped_ = false; ///< the next character, by a backslash
    bool is_hexadecimal_ = false;
    bool is_too_long_ = false;
};

/// The bytes of the entry of a whole line.
///
/// Throws:         refusal
[[nodiscard]] inline std::vector<std::byte> entry_in(line_reader& line) {
    if (line.is_too_long()) {
        throw refusal("the record is longer than half a GiB, the most that is taken");
    }
    if (!line.is_object()) {
        throw refusal("is no JSON object");
    }
    auto bytes = line.take_record();
    if (bytes.empty()) {
        throw refusal("has no record in hexadecimal digits; export --records writes one");
    }
    auto const entry = memo::stored_entry::of(bytes);
    if (!entry.is_intact()) {
        throw refusal("the record is damaged, or of a format that is not known here");
    }
    if (line.scope() != to_string(entry.scope) || line.key() != to_string(entry.key) ||
        line.checksum() != checksum_of(entry)) {
        throw refusal("scope, key and checksum are not those of the record");
    }
    if (entry.kind == memo::entry_kind::name && !entry.function_name()) {
        throw refusal("the record is no function's name");
    }
    if (entry.kind == memo::entry_kind::unknown) {
        throw refusal("the record is of a kind that is not known here");
    }
    return bytes;
}

} // namespace memo_cache
