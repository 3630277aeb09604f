// expect: memo::ignore<I...> names a parameter that the function does not have
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using ignored = memo::ignore<2>;
#else
using ignored = memo::ignore<1>;
#endif

int main() {
    return memo::memoize<memo::memory, ignored>([](int x, int) { return x; })(1, 2);
}
