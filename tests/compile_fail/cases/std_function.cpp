// expect: std::function hides its target
#include <memo/memo.hpp>

#include <functional>

int main() {
#ifdef MEMO_BAD
    std::function<int(int)> const negate = [](int x) { return -x; };
#else
    auto const negate = [](int x) { return -x; };
#endif
    return memo::memoize(negate)(2);
}
