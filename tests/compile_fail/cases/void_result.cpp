// expect: the function returns nothing that could be remembered
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
