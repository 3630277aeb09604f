// expect: memo: the result cannot be copied
#include <memo/memo.hpp>

#include <sstream>
#include <string>

int main() {
#ifdef MEMO_BAD
    auto const f =
        memo::memoize<memo::memory>([](int x) { return std::ostringstream(std::to_string(x)); });
#else
    auto const f = memo::memoize<memo::memory>(
        [](int x) { return std::ostringstream(std::to_string(x)).str(); });
#endif
    static_cast<void>(f(1));
}
