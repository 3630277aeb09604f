// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace identity {

/// One lambda, whichever unit calls this.
inline auto lambda_of_an_inline_function() {
    return [](int x) { return x * 1000; };
}

/// A lambda for each unit.
static inline auto lambda_of_a_static_function() {
    return [](int x) { return x * CONSTANT + 1; };
}

} // namespace identity
