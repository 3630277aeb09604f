// expect: the callable carries state (captures, members or bound arguments)
#include <memo/memo.hpp>

int main() {
    int offset = 1;
    auto const shift = [&](int x) { return x + offset; };
#ifdef MEMO_BAD
    return memo::memoize(shift)(2);
#else
    return memo::memoize(memo::keyed(shift, offset))(2);
#endif
}
