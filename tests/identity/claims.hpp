// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a program and its plugins compile alike.

#include <memo/memo.hpp>

#include <string>

namespace claims {

/// One function in all modules.
inline int doubled(int x) {
    return 2 * x;
}

/// One lambda in all modules.
inline auto lambda_of_an_inline_function() {
    return [](int x) { return 3 * x; };
}

/// One function in all modules, whose evaluation the caller of a test sees.
struct observed {
    int (*run)(int);
    int operator()(int x) const { return run(x); }
};

/// Whether a callable may have a name.
template <class F> [[gnu::visibility("hidden")]] bool claim(F callable, std::string const& name) {
    try {
        static_cast<void>(memo::memoize<memo::memory>(callable, {.name = name, .version = "1"}));
        return true;
    } catch (memo::error const& refused) {
        return refused.code() != memo::errc::name_conflict;
    }
}

} // namespace claims
