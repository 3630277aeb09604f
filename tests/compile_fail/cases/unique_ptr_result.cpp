// expect: memo: the result is a std::unique_ptr
#include <memo/memo.hpp>

#include <memory>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize<memo::memory>([](int x) { return std::make_unique<int>(x); });
#else
    auto const f =
        memo::memoize<memo::memory>([](int x) { return std::make_shared<int const>(x); });
#endif
    static_cast<void>(f(1));
}
