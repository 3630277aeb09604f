// SPDX-License-Identifier: BSL-1.0
#pragma once

// Parses one response line of memcached's meta protocol. The line is hostile: parsing allocates nothing, and
// trusts no number beyond its type.
//
// Source: memcached, doc/protocol.txt, "Meta Commands".

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace memo::detail {

/// The longest accepted line: a key of 250 bytes, an opaque of 32, and the numbers.
inline constexpr std::size_t meta_line_bytes = 512;

/// The first word of a line.
enum class meta_kind { value, header, miss, not_stored, exists, not_found, error, server_error };

struct meta_line {
    meta_kind kind = meta_kind::error;
    std::uint64_t size = 0; ///< of the value that follows; 0 except for meta_kind::value
    std::uint32_t flags = 0;
    std::uint64_t token = 0;
    std::optional<std::string_view> opaque{}; ///< views into the line
    std::optional<std::string_view> key{};
    std::string_view rest{}; ///< the text of an error
};

/// The text as a decimal number; nothing else may be in it.
template <std::unsigned_integral N> [[nodiscard]] bool read_number(std::string_view text, N& into) {
    auto const* const end = text.data() + text.size();
    auto const [stopped, failure] = std::from_chars(text.data(), end, into);
    return failure == std::errc() && stopped == end && !text.empty();
}

/// Removes and returns the text up to the next space, and removes the space.
[[nodiscard]] inline std::string_view take_word(std::string_view& text) {
    auto const space = text.find(' ');
    std::string_view const word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    return word;
}

[[nodiscard]] inline std::optional<meta_kind> meta_kind_of(std::string_view word) {
    struct named {
        std::string_view name;
        meta_kind kind;
    };
    static constexpr named kinds[] = {
        {"VA", meta_kind::value},
        {"HD", meta_kind::header},
        {"EN", meta_kind::miss},
        {"NS", meta_kind::not_stored},
        {"EX", meta_kind::exists},
        {"NF", meta_kind::not_found},
        {"CLIENT_ERROR", meta_kind::error},
        {"SERVER_ERROR", meta_kind::server_error},
        {"ERROR", meta_kind::error},
    };
    for (auto const& each : kinds) {
        if (each.name == word) {
            return each.kind;
        }
    }
    return std::nullopt;
}

[[nodiscard]] inline bool read_meta_flag(std::string_view flag, meta_line& line) {
    std::string_view const token = flag.substr(1);
    switch (flag.front()) {
    case 'O':
        line.opaque = token;
        return true;
    case 'k':
        line.key = token;
        return true;
    case 'c':
        return read_number(token, line.token);
    case 'f':
        return read_number(token, line.flags);
    default: // an unrequested flag of a newer server
        return true;
    }
}

/// Parses a line without its \r\n; nullopt if it violates the protocol.
[[nodiscard]] inline std::optional<meta_line> parse_meta_line(std::string_view text) {
    auto const kind = meta_kind_of(take_word(text));
    if (!kind) {
        return std::nullopt;
    }
    meta_line line;
    line.kind = *kind;
    if (line.kind == meta_kind::error || line.kind == meta_kind::server_error) {
        line.rest = text;
        return line;
    }
    if (line.kind == meta_kind::value && !read_number(take_word(text), line.size)) {
        return std::nullopt;
    }
    while (!text.empty()) {
        std::string_view const flag = take_word(text);
        if (!flag.empty() && !read_meta_flag(flag, line)) {
            return std::nullopt;
        }
    }
    return line;
}

} // namespace memo::detail
