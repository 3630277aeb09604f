// expect: takes memo::signature<R(P...)>, memo::ignore<I...>, memo::averaged and memo::verify_full as policies
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using policy = int(int);
#else
using policy = memo::signature<int(int)>;
#endif

int main() {
    return memo::memoize<memo::memory, policy>([](int x) { return -x; })(1);
}
