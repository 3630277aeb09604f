// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers and names as text. A stream formats numbers by the locale of the process, such as "2.000" for
// 2000, which programs cannot parse. These functions, and std::to_string for integers, ignore the locale.

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace memo::detail {

/// The shortest decimal text that parses to the same number.
[[nodiscard]] inline std::string number_text(double number) {
    std::array<char, 32> digits; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return {digits.data(), end};
}

/// Bytes as lower-case hexadecimal digits, two per byte.
[[nodiscard]] inline std::string hexadecimal(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (char const c : bytes) {
        auto const byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

/// A number in fixed notation.
///
/// digits          after the point, at most 17
[[nodiscard]] inline std::string fixed_text(double number, int digits) {
    std::array<char, 336> text; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(text.data(), text.data() + text.size(), number,
                                    std::chars_format::fixed, digits)
                          .ptr;
    return {text.data(), end};
}

/// The length in bytes of the first character of a text; 0 if it is invalid UTF-8.
///
/// text            not empty
/// Source:         The Unicode Standard 15.0, table 3-7
[[nodiscard]] inline std::size_t utf8_length(std::string_view text) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto const is_tail = [&](std::size_t i, unsigned char low = 0x80, unsigned char high = 0xbf) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    unsigned char const first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return is_tail(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        bool const second = is_tail(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
        return second && is_tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        bool const second = is_tail(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
        return second && is_tail(2) && is_tail(3) ? 4 : 0;
    }
    return 0;
}

/// A text with invalid UTF-8 replaced by U+FFFD.
[[nodiscard]] inline std::string utf8_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t const length = utf8_length(text);
        out += length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

/// Whether a terminal interprets a character instead of showing it: control characters of ASCII and Unicode, line
/// ends, and marks that change the direction of the text.
///
/// character       in UTF-8
[[nodiscard]] inline bool is_control(std::string_view character) {
    // NOLINTBEGIN(misc-misleading-bidirectional): the source has escapes, not the characters
    return (character.size() == 1 && (character < " " || character == "\x7f")) ||
           (character >= "\xc2\x80" && character <= "\xc2\x9f") ||         // U+0080 to U+009F
           (character >= "\xe2\x80\x8e" && character <= "\xe2\x80\x8f") || // U+200E, U+200F
           (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") || // U+2028 to U+202E
           (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");   // U+2066 to U+2069
    // NOLINTEND(misc-misleading-bidirectional)
}

/// A name for a terminal, on one line: control characters and invalid bytes become \n, \t, or \x with two
/// digits; a backslash becomes two.
[[nodiscard]] inline std::string printable(std::string_view name) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    while (!name.empty()) {
        std::size_t const length = utf8_length(name);
        std::string_view const character = name.substr(0, length == 0 ? 1 : length);
        name.remove_prefix(character.size());
        if (character == "\\") {
            out += "\\\\";
        } else if (character == "\n") {
            out += "\\n";
        } else if (character == "\t") {
            out += "\\t";
        } else if (length == 0 || is_control(character)) {
            for (char const c : character) {
                auto const byte = static_cast<unsigned char>(c);
                out += "\\x";
                out += hex[byte >> 4U];
                out += hex[byte & 15U];
            }
        } else {
            out += character;
        }
    }
    return out;
}

/// A counter in digits; a time in seconds.
[[nodiscard]] inline std::string counter_text(std::uint64_t count) {
    return std::to_string(count);
}
[[nodiscard]] inline std::string counter_text(std::chrono::nanoseconds time) {
    return number_text(std::chrono::duration<double>(time).count());
}

/// The value of a label in Prometheus' text format, in UTF-8.
[[nodiscard]] inline std::string prometheus_label(std::string_view text) {
    std::string out;
    for (char const c : utf8_text(text)) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

} // namespace memo::detail
