// expect: memo: the result is a pointer or a view
#include <memo/memo.hpp>

#include <string>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize<memo::memory>([](int x) { return x > 0 ? "yes" : "no"; });
#else
    auto const f =
        memo::memoize<memo::memory>([](int x) { return std::string(x > 0 ? "yes" : "no"); });
#endif
    static_cast<void>(f(1));
}
