// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#include <string_view>

#ifdef MEMO_BAD
using argument = char const*;
#else
using argument = std::string_view;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
