// expect: the callable carries state (captures, members or bound arguments)
#include <memo/memo.hpp>

#include <functional>

int main() {
    auto const negate = [](int x) { return -x; };
#ifdef MEMO_BAD
    return memo::memoize(std::ref(negate))(2);
#else
    return memo::memoize(negate)(2);
#endif
}
