// expect: memo: this function is memoized already
#include <memo/memo.hpp>

int main() {
    auto const f = memo::memoize([](int x) { return x; });
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>(f)(1);
#else
    return f(1);
#endif
}
