// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers and names as text. A stream writes numbers as the locale of the process has them, "2.000" for
// 2000, which no program reads back; these functions, and std::to_string for integers, write them the
// same everywhere.

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace memo::detail {

/// A number in decimal digits: as many as it takes to read the same number back.
[[nodiscard]] inline std::string number_text(double number) {
    std::array<char, 32> digits; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return {digits.data(), end};
}

/// Bytes as hexadecimal digits, two each, lower case.
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

/// A number for people.
///
/// digits          behind the point, 17 at most
[[nodiscard]] inline std::string fixed_text(double number, int digits) {
    std::array<char, 336> text; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(text.data(), text.data() + text.size(), number,
                                    std::chars_format::fixed, digits)
                          .ptr;
    return {text.data(), end};
}

/// The bytes of the character that a text begins with; 0 if that is no UTF-8.
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

/// A text whose bytes that are no UTF-8 are replaced by U+FFFD.
[[nodiscard]] inline std::string utf8_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t const length = utf8_length(text);
        out += length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

/// Whether a terminal acts on a character instead of showing it: the controls of ASCII and of Unicode,
/// line ends, and marks that turn the direction of the text around.
///
/// character       in UTF-8
[[nodiscard]] inline bool is_control(std::string_view character) {
    // NOLINTBEGIN(misc-misleading-bidirectional): the escapes are compared, and shown as such
    return (character.size() == 1 && (character < " " || character == "\x7f")) ||
           (character >= "\xc2\x80" && character <= "\xc2\x9f") ||         // U+0080 to U+009F
           (character >= "\xe2\x80\x8e" && character <= "\xe2\x80\x8f") || // U+200E, U+200F
           (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") || // U+2028 to U+202E
           (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");   // U+2066 to U+2069
    // NOLINTEND(misc-misleading-bidirectional)
}

/// A name for a terminal, on one line: a control character or a byte that is no UTF-8 becomes \n, \t or
/// \x and two digits, a backslash two of them.
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

/// A label's value in Prometheus' text format, which is UTF-8.
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
