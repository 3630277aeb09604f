// expect: the callable cannot be called with the parameters that memo::signature<R(P...)> names
#include <memo/memo.hpp>

#ifdef MEMO_BAD
using signature = memo::signature<int(int)>;
#else
using signature = memo::signature<int(int, int)>;
#endif

int main() {
    [[maybe_unused]] auto const sum =
        memo::memoize<memo::memory, signature>([](int x, int y) { return x + y; });
}
