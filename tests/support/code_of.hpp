// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/error.hpp>

#include <optional>

namespace memo_test {

/// The code of the memo::error that f() throws; nothing if it throws none.
template <class F> std::optional<memo::errc> code_of(F const& f) {
    try {
        f();
    } catch (memo::error const& e) {
        return e.code();
    }
    return std::nullopt;
}

} // namespace memo_test
