// expect: memo: the second argument is a list of options in braces
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>([](int x) { return x; }, "f")(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; }, {.name = "f"})(1);
#endif
}
