// expect: the function returns void, so there is no result to cache
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using result = void;
#else
using result = int;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
