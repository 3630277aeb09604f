// expect: the call operator is generic or overloaded
#include <memo/memo.hpp>

int main() {
    auto const negate = [](auto x) { return -x; };
#ifdef MEMO_BAD
    return memo::memoize(negate)(2);
#else
    return memo::memoize<memo::memory, memo::signature<int(int)>>(negate)(2);
#endif
}
