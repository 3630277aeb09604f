// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>
#include <memo/error.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace memo {

MEMO_DEFINITION error::error(errc code, std::string const& what)
    : std::runtime_error(detail::joined({prefix, what})), code_(code) {}

MEMO_DEFINITION std::string_view error::message() const noexcept {
    return std::string_view(std::runtime_error::what()).substr(prefix.size());
}

} // namespace memo
