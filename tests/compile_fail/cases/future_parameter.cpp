// expect: memo: this type cannot be turned into a cache key
#include <memo/memo.hpp>

#include <future>

#ifdef MEMO_BAD
using argument = std::future<int>;
#else
using argument = int;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
