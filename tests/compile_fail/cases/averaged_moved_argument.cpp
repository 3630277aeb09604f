// expect: Take this one by const reference
#include <memo/memo.hpp>

#include <memory>

#ifdef MEMO_BAD
using number = std::unique_ptr<int>;
#else
using number = std::unique_ptr<int> const&;
#endif

int main() {
    auto const f = memo::memoize<memo::memory, memo::averaged>([](number x) { return 0.5 * *x; });
    static_cast<void>(f(std::make_unique<int>(1)));
}
