// expect: the result is a pointer or a view to memory that the cache does not own
#include <memo/memo.hpp>

#include <string>
#include <string_view>

#ifdef MEMO_BAD
using result = std::string_view;
#else
using result = std::string;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
