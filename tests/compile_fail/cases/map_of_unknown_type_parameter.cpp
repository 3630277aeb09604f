// expect: this type cannot be turned into a cache key
#include <memo/memo.hpp>

#include <unordered_map>

struct weight {
    double value = 0;
};

#ifdef MEMO_BAD
using argument = std::unordered_map<int, weight>;
#else
using argument = std::unordered_map<int, double>;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
