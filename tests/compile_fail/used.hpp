// SPDX-License-Identifier: BSL-1.0
#pragma once

// What nearly every case has the compiler make of the library, so that clang makes it once, with the
// precompiled header.

#include <memo/memo.hpp>

inline int used(int x) {
    return memo::memoize([](int y) { return y; })(x);
}
