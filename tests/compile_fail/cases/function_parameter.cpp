// expect: memo: a std::function hides its target, so it cannot be part of a cache key
#include <memo/memo.hpp>

#include <functional>

#ifdef MEMO_BAD
using argument = std::function<int(int)>;
#else
using argument = int;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
