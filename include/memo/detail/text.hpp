// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers and names as text. A stream formats numbers by the locale of the process, such as "2.000" for
// 2000, which programs cannot parse. These functions, and std::to_string for integers, ignore the locale.

#include <memo/detail/system/compiled.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace memo::detail {

/// Appends texts. An expression of many `+` would compile to many times as much code in each file.
void append(std::string& out, std::initializer_list<std::string_view> texts);

/// The texts one after another.
[[nodiscard]] std::string joined(std::initializer_list<std::string_view> texts);

/// The shortest decimal text that parses to the same number.
[[nodiscard]] std::string number_text(double number);

/// Bytes as lower-case hexadecimal digits, two per byte.
[[nodiscard]] std::string hexadecimal(std::string_view bytes);

/// A number in fixed notation.
///
/// digits          after the point, at most 17
[[nodiscard]] std::string fixed_text(double number, int digits);

/// The length in bytes of the first character of a text; 0 if it is invalid UTF-8.
///
/// text            not empty
/// Source:         The Unicode Standard 15.0, table 3-7
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// A text with invalid UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string utf8_text(std::string_view text);

/// Whether a terminal interprets a character instead of showing it: control characters of ASCII and Unicode, line
/// ends, and marks that change the direction of the text.
///
/// character       in UTF-8
[[nodiscard]] bool is_control(std::string_view character);

/// A name for a terminal, on one line: control characters and invalid bytes become \n, \t, or \x with two
/// digits; a backslash becomes two.
[[nodiscard]] std::string printable(std::string_view name);

/// A counter in digits; a time in seconds.
[[nodiscard]] std::string counter_text(std::uint64_t count);
[[nodiscard]] std::string counter_text(std::chrono::nanoseconds time);

/// The value of a label in Prometheus' text format, in UTF-8.
[[nodiscard]] std::string prometheus_label(std::string_view text);

/// A demangled type name.
///
/// name            of std::type_info
[[nodiscard]] std::string readable(char const* name);

/// Writes a text to stderr at once, after what was written to stdout.
void print_error(std::string const& text);

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "text.ipp"
#endif
