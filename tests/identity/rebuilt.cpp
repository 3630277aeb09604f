// SPDX-License-Identifier: BSL-1.0

// A program that is built with one CONSTANT and then with another, and calls a library that is too.
// It prints what builds.test.cpp compares: a name and a key, or a name and a value, on each line.

#include <memo/memo.hpp>
#include <support/persistent_memory.hpp>

#include <iostream>

int scale(int x);

namespace {

template <class F> void print(char const* what, F callable, memo::options<int> options) {
    auto const memoized = memo::memoize<memo_test::persistent_memory>(callable, std::move(options));
    std::cout << what << ".key " << memoized.key(5) << '\n'
              << what << ".value " << memoized(5) << '\n';
}

int function(int x) {
    return x + CONSTANT;
}

} // namespace

int main() {
    auto const own = [](int x) { return x + CONSTANT; };
    auto const calls_a_library = [](int x) { return scale(x); };
    print("lambda", own, {});
    print("fn", memo::fn<&function>(), {});
    print("pointer", &function, {});
    print("library", calls_a_library, {});
    print("labelled", own, {.name = "own"});
    print("named", own, {.name = "own", .version = "1"});
}
