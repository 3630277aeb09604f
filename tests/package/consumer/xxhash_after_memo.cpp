// SPDX-License-Identifier: BSL-1.0
// The other order: xxHash is included after memo.

#include <memo/memo.hpp>

#if defined(MEMO_COMPILED) // then memo's headers do not define xxHash's functions
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

int square_after_memo(int x);

int square_after_memo(int x) {
    static auto memoized = memo::memoize<memo::memory>([](int y) { return y * y; });
    return XXH3_64bits(&x, sizeof x) == XXH3_64bits(&x, sizeof x) ? memoized(x) : -1;
}
