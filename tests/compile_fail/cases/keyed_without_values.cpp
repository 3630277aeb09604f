// expect: keyed() needs the values that identify the callable's state
#include <memo/memo.hpp>

int main() {
    int offset = 1;
    auto const shift = [&](int x) { return x + offset; };
#ifdef MEMO_BAD
    auto const keyed = memo::keyed(shift);
#else
    auto const keyed = memo::keyed(shift, offset);
#endif
    return memo::memoize(keyed)(2);
}
