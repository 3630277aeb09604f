// expect: memo: an element of the range of many() holds the arguments of one call
// lines: 200, the compilers go on with the wrong element
#include <memo/memo.hpp>

#include <tuple>
#include <vector>

int main() {
    auto const f = memo::memoize([](int x, int n) { return x * n; });
#ifdef MEMO_BAD
    return static_cast<int>(f.many(std::vector<int>{1, 2, 3, 4}).size());
#else
    return static_cast<int>(f.many(std::vector<std::tuple<int, int>>{{1, 2}, {3, 4}}).size());
#endif
}
