// expect: the result of an averaged function must be a number
#include <memo/memo.hpp>

#include <string>

#ifdef MEMO_BAD
std::string draw(int x) {
    return std::to_string(x);
}
#else
double draw(int x) {
    return x;
}
#endif

int main() {
    auto const f = memo::memoize<memo::memory, memo::averaged>(memo::fn<&draw>{});
    static_cast<void>(f(1));
}
