// expect: memo: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using argument = double (*)(double);
#else
using argument = int;
#endif

int call(argument x);

int main() {
    return memo::memoize<memo::memory>(memo::fn<&call>{})(argument());
}
