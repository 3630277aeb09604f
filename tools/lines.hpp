// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reads the lines of a stream in parts, so that a line of any length takes little memory.

#include <array>
#include <cstddef>
#include <istream>
#include <optional>
#include <string_view>

namespace memo_cache {

/// Reads to the end of a line.
///
/// take            called as take(std::string_view) for each part of the line, without its end
/// Returns:        the bytes of the line; nothing after the last line
template <class Take>
[[nodiscard]] std::optional<std::size_t> read_line(std::istream& in, Take const& take) {
    std::array<char, 65'536> part{};
    for (std::size_t length = 0;;) {
        in.getline(part.data(), part.size());
        auto const taken = static_cast<std::size_t>(in.gcount());
        bool const goes_on = in.rdstate() == std::ios::failbit && taken != 0;
        if (!in && !goes_on) {
            return std::nullopt;
        }
        std::size_t const size = taken - (in.good() ? 1 : 0); // without the newline
        length += size;
        take(std::string_view(part.data(), size));
        if (!goes_on) {
            return length;
        }
        in.clear();
    }
}

} // namespace memo_cache
