// expect: the first template argument of memoize is not a backend
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using backend = int;
#else
using backend = memo::memory;
#endif

int main() {
    return memo::memoize<backend>([](int x) { return -x; })(1);
}
