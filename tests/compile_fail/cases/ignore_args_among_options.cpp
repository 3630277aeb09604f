// expect: memo: this is a policy
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.ignore_args = 0})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {})(1));
#endif
}
