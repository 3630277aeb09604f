// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/key128.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace memo {

MEMO_DEFINITION std::string to_string(key128 key) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(32, '0');
    for (std::size_t i = 0; i < 16; ++i) {
        auto const shift = 60 - 4 * i;
        text[i] = digits[(key.high >> shift) & 15];
        text[16 + i] = digits[(key.low >> shift) & 15];
    }
    return text;
}

} // namespace memo
