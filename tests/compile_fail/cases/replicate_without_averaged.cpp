// expect: Add the policy memo::averaged, or remove the parameter
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using policy = memo::ignore<>;
#else
using policy = memo::averaged;
#endif

int main() {
    auto const f = memo::memoize<memo::memory, policy>(
        [](int x, memo::replicate which) { return x + static_cast<double>(which.index); });
    static_cast<void>(f(1));
}
