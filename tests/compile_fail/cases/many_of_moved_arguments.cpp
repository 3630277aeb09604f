// expect: memo: many() of a memo::function passes copies of the arguments
#include <memo/function.hpp>
#include <memo/memo.hpp>

#include <tuple>
#include <vector>

int main() {
#ifdef MEMO_BAD
    memo::function<int(int&&)> const f = memo::memoize([](int&& x) { return x; });
#else
    memo::function<int(int)> const f = memo::memoize([](int x) { return x; });
#endif
    return static_cast<int>(f.many(std::vector<std::tuple<int>>(1)).size());
}
