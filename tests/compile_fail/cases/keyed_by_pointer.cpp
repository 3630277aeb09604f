// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

int main() {
    int offset = 1;
    auto const shift = [&](int x) { return x + offset; };
#ifdef MEMO_BAD
    auto const state = [&] { return &offset; };
#else
    auto const state = [&] { return offset; };
#endif
    return memo::memoize(memo::keyed_by(shift, state))(2);
}
