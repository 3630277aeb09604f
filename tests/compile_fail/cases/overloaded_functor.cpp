// expect: the call operator is generic or overloaded
#include <memo/memo.hpp>

struct negate {
    int operator()(int x) const { return -x; }
    double operator()(double x) const { return -x; }
};

int main() {
#ifdef MEMO_BAD
    return memo::memoize(negate())(2);
#else
    return memo::memoize<memo::memory, memo::signature<int(int)>>(negate())(2);
#endif
}
