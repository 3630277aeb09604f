// expect: memo: the first argument of memoize is no callable
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>(42)(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; })(1);
#endif
}
