// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <initializer_list>
#include <string>
#include <string_view>

namespace memo::detail {

MEMO_DEFINITION void append(std::string& out, std::initializer_list<std::string_view> texts) {
    for (std::string_view const text : texts) {
        out.append(text.data(), text.size());
    }
}

MEMO_DEFINITION std::string joined(std::initializer_list<std::string_view> texts) {
    std::string out;
    append(out, texts);
    return out;
}

MEMO_DEFINITION std::string number_text(double number) {
    std::array<char, 32> digits; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return {digits.data(), end};
}

MEMO_DEFINITION std::string hexadecimal(std::string_view bytes) {
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

MEMO_DEFINITION std::string fixed_text(double number, int digits) {
    std::array<char, 336> text; // NOLINT(cppcoreguidelines-pro-type-member-init): written next
    auto* const end = std::to_chars(text.data(), text.data() + text.size(), number,
                                    std::chars_format::fixed, digits)
                          .ptr;
    return {text.data(), end};
}

MEMO_DEFINITION std::size_t utf8_length(std::string_view text) {
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

MEMO_DEFINITION std::string utf8_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t const length = utf8_length(text);
        out += length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

MEMO_DEFINITION bool is_control(std::string_view character) {
    std::uint32_t bytes = 0; // the first one highest: they compare as the characters do
    for (char const c : character) {
        bytes = bytes << 8U | static_cast<unsigned char>(c);
    }
    auto const is_between = [&](std::uint32_t first, std::uint32_t last) {
        return bytes >= first && bytes <= last;
    };
    return bytes < ' ' || bytes == 0x7f || is_between(0xc280, 0xc29f) || // U+0080 to U+009F
           is_between(0xe2808e, 0xe2808f) ||                             // U+200E, U+200F
           is_between(0xe280a8, 0xe280ae) ||                             // U+2028 to U+202E
           is_between(0xe281a6, 0xe281a9);                               // U+2066 to U+2069
}

MEMO_DEFINITION std::string printable(std::string_view name) {
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

MEMO_DEFINITION std::string counter_text(std::uint64_t count) {
    return std::to_string(count);
}
MEMO_DEFINITION std::string counter_text(std::chrono::nanoseconds time) {
    return number_text(std::chrono::duration<double>(time).count());
}

MEMO_DEFINITION std::string prometheus_label(std::string_view text) {
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

MEMO_DEFINITION std::string readable(char const* name) {
    struct demangled_name {
        explicit demangled_name(char const* mangled)
            : text(abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr)) {}
        demangled_name(demangled_name const&) = delete;
        demangled_name& operator=(demangled_name const&) = delete;
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): malloc allocated it
        ~demangled_name() { std::free(text); }

        char* const text; ///< null for a name that is not mangled
    };
    demangled_name const demangled(name);
    return demangled.text != nullptr ? demangled.text : name;
}

MEMO_DEFINITION void print_error(std::string const& text) {
    static_cast<void>(std::fflush(stdout));
    static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

} // namespace memo::detail
