// SPDX-License-Identifier: BSL-1.0

#include <memo/memo.hpp>

int main() {
    auto const square = memo::memoize<memo::memory>([](int x) { return x * x; });
    bool const right = square(7) == 49 && square(7) == 49 && square.stats().hits == 1;
    return right ? 0 : 1;
}
