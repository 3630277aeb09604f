// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

int main() {
    int offset = 1;
    auto const shift = [&](int x) { return x + offset; };
#ifdef MEMO_BAD
    return memo::memoize(memo::keyed(shift, &offset))(2);
#else
    return memo::memoize(memo::keyed(shift, offset))(2);
#endif
}
