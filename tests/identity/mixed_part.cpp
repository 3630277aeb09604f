// SPDX-License-Identifier: BSL-1.0

// A library, whose build defines PART.

#include "mixed.hpp"

memo_test::mixed_part PART();

memo_test::mixed_part PART() {
#if defined(MEMO_COMPILED) && defined(MEMO_COMPILED_DISK) && defined(MEMO_COMPILED_MEMCACHED)
    constexpr bool is_compiled = true;
#else
    constexpr bool is_compiled = false;
#endif
    return {
        is_compiled,
        [](memo::memory const& shared, int count) { return memo_test::wrong_texts(shared, count); },
        [](std::string const& directory, int count) {
            return memo_test::wrong_texts(memo::disk({.directory = directory}), count);
        },
        [](memo::memcached const& shared, int count) {
            return memo_test::wrong_texts(shared, count);
        }};
}
