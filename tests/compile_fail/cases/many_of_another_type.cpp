// expect: memo: an element of the range of many() holds the arguments of one call
// lines: 200, the compilers go on with the wrong element
#include <memo/memo.hpp>

#include <string>
#include <vector>

int main() {
    auto const g = memo::memoize([](int x) { return x; });
#ifdef MEMO_BAD
    return static_cast<int>(g.many(std::vector<std::string>{"1"}).size());
#else
    return static_cast<int>(g.many(std::vector<int>{1}).size());
#endif
}
