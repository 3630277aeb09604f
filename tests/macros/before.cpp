// SPDX-License-Identifier: BSL-1.0

// No header of memo, nor of its tool, has a name of its own that is a macro elsewhere.

// The order matters:
// clang-format off
#include "foreign_headers.hpp"

#include "foreign_macros.hpp"

#include "memo_headers.hpp"
#include "tool_headers.hpp"
// clang-format on

int used_behind_macros(int x) {
    return memo::memoize([](int y) { return y; })(x);
}
