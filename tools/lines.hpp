// SPDX-License-Identifier: BSL-1.0
#pragma once

// A stream in, its lines out, one after the other, whatever it holds: of a line without an end no more is
// kept than was asked for.

#include <algorithm>
#include <array>
#include <cstddef>
#include <istream>
#include <optional>
#include <string>

namespace memo_cache {

/// Reads on to the end of a line.
///
/// line            becomes its first `most` bytes at most, without its end
/// Returns:        the bytes that it has, however many they are; nothing behind the last one
[[nodiscard]] inline std::optional<std::size_t> read_line(std::istream& in, std::string& line,
                                                          std::size_t most) {
    std::array<char, 65'536> part{};
    line.clear();
    for (std::size_t length = 0;;) {
        in.getline(part.data(), part.size());
        auto const taken = static_cast<std::size_t>(in.gcount());
        bool const goes_on = in.rdstate() == std::ios::failbit && taken != 0;
        if (!in && !goes_on) {
            return std::nullopt;
        }
        std::size_t const size = taken - (in.good() ? 1 : 0); // its end was taken, too
        length += size;
        line.append(part.data(), (std::min)(size, most - line.size()));
        if (!goes_on) {
            return length;
        }
        in.clear();
    }
}

} // namespace memo_cache
