// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#include <span>

#ifdef MEMO_BAD
using argument = double const*;
#else
using argument = std::span<double const>;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
