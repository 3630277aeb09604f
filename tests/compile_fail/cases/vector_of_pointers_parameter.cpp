// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#include <vector>

#ifdef MEMO_BAD
using argument = std::vector<double const*>;
#else
using argument = std::vector<double>;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
