// expect: a parameter is taken by non-const reference
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using argument = int&;
#else
using argument = int const&;
#endif

int call(argument x);

int main() {
    int x = 1;
    return memo::memoize(memo::fn<&call>{})(x);
}
