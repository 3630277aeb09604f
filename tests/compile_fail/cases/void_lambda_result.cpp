// expect: memo: the function returns void
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize<memo::memory>([](int) {});
#else
    auto const f = memo::memoize<memo::memory>([](int x) { return x; });
#endif
    static_cast<void>(f(1));
}
