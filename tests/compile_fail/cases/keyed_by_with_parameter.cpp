// expect: the second argument of keyed_by() returns the state and runs at every call
#include <memo/memo.hpp>

int main() {
    int offset = 1;
    auto const shift = [&](int x) { return x + offset; };
#ifdef MEMO_BAD
    auto const state = [&](int x) { return x + offset; };
#else
    auto const state = [&] { return offset; };
#endif
    return memo::memoize(memo::keyed_by(shift, state))(2);
}
