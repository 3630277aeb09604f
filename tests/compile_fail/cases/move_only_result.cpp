// expect: the result is a std::unique_ptr, which only one caller can own
#include <memo/memo.hpp>

#include <memory>

#ifdef MEMO_BAD
using result = std::unique_ptr<double>;
#else
using result = std::shared_ptr<double const>;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
