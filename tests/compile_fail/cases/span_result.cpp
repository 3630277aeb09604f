// expect: the result is a pointer or a view to memory that the cache does not own
#include <memo/memo.hpp>

#include <span>
#include <vector>

#ifdef MEMO_BAD
using result = std::span<double const>;
#else
using result = std::vector<double>;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
