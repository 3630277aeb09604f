// expect: memo: the result is a future
#include <memo/memo.hpp>

#include <future>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize<memo::memory>([](int x) { return std::async([x] { return x; }); });
#else
    auto const f =
        memo::memoize<memo::memory>([](int x) { return std::async([x] { return x; }).get(); });
#endif
    static_cast<void>(f(1));
}
