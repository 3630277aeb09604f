// SPDX-License-Identifier: BSL-1.0
#pragma once

// What two libraries of one program both do, one built with the headers alone and one with MEMO_COMPILED.

#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/memo.hpp>

#include <atomic>
#include <string>

namespace memo_test {

inline std::atomic<int> computed_texts{0};

inline std::string text_of(int x) {
    ++computed_texts;
    return std::string(static_cast<std::size_t>(x) % 50, 'x') + std::to_string(x);
}

/// Calls one function with 0 to count - 1, and returns how many results were wrong.
template <class Backend> int wrong_texts(Backend const& backend, int count) {
    auto const f =
        memo::memoize<Backend>(memo::fn<&text_of>{}, {.name = "text", .version = "1"}, backend);
    int wrong = 0;
    for (int x = 0; x < count; ++x) {
        wrong +=
            f(x) == std::string(static_cast<std::size_t>(x) % 50, 'x') + std::to_string(x) ? 0 : 1;
    }
    return wrong;
}

/// A library.
struct mixed_part {
    bool is_compiled;
    int (*use_memory)(memo::memory const&, int count);
    int (*use_disk)(std::string const& directory, int count);
    int (*use_memcached)(memo::memcached const&, int count);
};

} // namespace memo_test
