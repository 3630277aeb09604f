// SPDX-License-Identifier: BSL-1.0

// Behind the macros of Qt, and those of the C headers as they are, the headers of memo compile with all
// that they include; and what a user then writes compiles whatever becomes a macro behind them.

#define emit
#define foreach(variable, container) for (variable : container)
#define forever for (;;)
#define signals public
#define slots

// The order matters:
// clang-format off
#include "c_headers.hpp"

#include "memo_headers.hpp"

#include "foreign_macros.hpp"
// clang-format on

int used_before_macros(int x) {
    auto const f = memo::memoize<memo::tiered<memo::memory, memo::memory>, memo::averaged>(
        [](int y) { return 2.0 * y; }, {.name = "twice", .version = "1"});
    return static_cast<int>(f.estimate(x).mean) + static_cast<int>(f.stats().calls);
}
