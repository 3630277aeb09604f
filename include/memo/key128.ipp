// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/hex.hpp>
#include <memo/key128.hpp>

#include <string>

namespace memo {

MEMO_DEFINITION std::string to_string(key128 key) {
    std::string text(detail::hex_digits(key.high).text());
    text += detail::hex_digits(key.low).text();
    return text;
}

} // namespace memo
