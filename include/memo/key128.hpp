// SPDX-License-Identifier: BSL-1.0
#pragma once

// The key of a call, a function or a data set: 128 bits of XXH3.

#include <memo/detail/system/compiled.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace memo {

/// A 128-bit digest. Printed as 32 hexadecimal digits, the high half first, in the format of `xxhsum -H2`.
struct key128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend constexpr auto operator<=>(key128 const&, key128 const&) = default;
};

/// The 32 hexadecimal digits of a key, lower case.
[[nodiscard]] std::string to_string(key128 key);

// The printing operators of memo are templates, so that <ostream> is included by who prints.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, key128 key) {
    return out << to_string(key);
}

} // namespace memo

/// One half of the key: a key is uniformly distributed.
template <> struct std::hash<memo::key128> {
    std::size_t operator()(memo::key128 key) const noexcept {
        return static_cast<std::size_t>(key.low);
    }
};

#if !defined(MEMO_COMPILED)
#include "key128.ipp"
#endif
