// SPDX-License-Identifier: BSL-1.0
#pragma once

// The key of a call, a function or a data set: 128 bits of XXH3.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace memo {

/// A 128-bit digest. Printed as 32 hexadecimal digits, the high half first, in the format of `xxhsum -H2`.
struct key128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend constexpr auto operator<=>(key128 const&, key128 const&) = default;
};

/// The 32 hexadecimal digits of a key, lower case.
[[nodiscard]] inline std::string to_string(key128 key) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(32, '0');
    for (std::size_t i = 0; i < 16; ++i) {
        auto const shift = 60 - 4 * i;
        text[i] = digits[(key.high >> shift) & 15];
        text[16 + i] = digits[(key.low >> shift) & 15];
    }
    return text;
}

inline std::ostream& operator<<(std::ostream& out, key128 key) {
    return out << to_string(key);
}

} // namespace memo

/// One half of the key: a key is uniformly distributed.
template <> struct std::hash<memo::key128> {
    std::size_t operator()(memo::key128 key) const noexcept {
        return static_cast<std::size_t>(key.low);
    }
};
