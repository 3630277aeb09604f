// expect: memo: the first template argument of memoize is not a backend
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory_settings>([](int x) { return x; })(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; })(1);
#endif
}
