// expect: the result is a pointer or a view to memory that the cache does not own
#include <memo/memo.hpp>

#include <memory>

#ifdef MEMO_BAD
using result = double const*;
#else
using result = std::shared_ptr<double const>;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
