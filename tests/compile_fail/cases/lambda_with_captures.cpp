// expect: memo: the callable carries state
#include <memo/memo.hpp>

int main() {
    int factor = 3;
    auto const scaled = [factor](int x) { return factor * x; };
#ifdef MEMO_BAD
    return memo::memoize(scaled)(1);
#else
    return memo::memoize(memo::keyed(scaled, factor))(1);
#endif
}
