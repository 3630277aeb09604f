// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a program and its plugin both do with a directory.

#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <string>

namespace memo_test {

inline std::string named(int x) {
    return std::string(static_cast<std::size_t>(x) % 5000, 'x') + std::to_string(x);
}

/// 0: all results were right; 1: one was wrong, or data was damaged; 2: the directory was refused.
inline int use_directory(char const* directory, int calls, char const* module) {
    try {
        auto const f =
            memo::memoize<memo::disk>(memo::fn<&named>{}, {.name = module, .version = "1"},
                                      memo::disk({.directory = directory}));
        for (int i = 0; i < calls; ++i) {
            int const x = i * 7919 % 500;
            if (f(x) != named(x)) {
                return 1;
            }
            if (i % 16 == 0) {
                f.forget(x);
            }
        }
        return f.stats().corrupt == 0 && f.stats().errors == 0 ? 0 : 1;
    } catch (memo::error const& refusal) {
        return refusal.code() == memo::errc::configuration ? 2 : 3;
    }
}

} // namespace memo_test
