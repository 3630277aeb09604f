// expect: memo: memoize needs a callable
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>()(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; })(1);
#endif
}
