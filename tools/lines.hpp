// SPDX-License-Identifier: BSL-1.0
#pragma once

// A stream in, its lines out, one after the other and each in parts, so that a line may be as long as it
// likes: none is ever in memory whole.

#include <array>
#include <cstddef>
#include <istream>
#include <optional>
#include <string_view>

namespace memo_cache {

/// Reads on to the end of a line.
///
/// take            is given the line's parts, as take(std::string_view), without its end
/// Returns:        the bytes of the line; nothing behind the last one
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
        std::size_t const size = taken - (in.good() ? 1 : 0); // its end was taken, too
        length += size;
        take(std::string_view(part.data(), size));
        if (!goes_on) {
            return length;
        }
        in.clear();
    }
}

} // namespace memo_cache
