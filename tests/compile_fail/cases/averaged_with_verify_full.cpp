// expect: remove it from an averaged function
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using policy = memo::verify_full;
#else
using policy = memo::ignore<>;
#endif

int main() {
    auto const f =
        memo::memoize<memo::memory, memo::averaged, policy>([](int x) { return 0.5 * x; });
    static_cast<void>(f(1));
}
