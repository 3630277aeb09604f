// expect: the callable's result does not convert to the one that memo::signature<R(P...)> names
#include <memo/memo.hpp>

#include <string>

#ifdef MEMO_BAD
using result = std::string;
#else
using result = long;
#endif

int main() {
    [[maybe_unused]] auto const negate =
        memo::memoize<memo::memory, memo::signature<result(int)>>([](int x) { return -x; });
}
