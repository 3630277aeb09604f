// expect: the call operator is not const
#include <memo/memo.hpp>

struct negate {
#ifdef MEMO_BAD
    int operator()(int x) {
        return -x;
    }
#else
    int operator()(int x) const {
        return -x;
    }
#endif
};

int main() {
    return memo::memoize(negate())(2);
}
