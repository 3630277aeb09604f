// expect: long double has padding and differs between machines
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using argument = long double;
#else
using argument = double;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
