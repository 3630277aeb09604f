// expect: memo: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#include <utility>

#ifdef MEMO_BAD
using argument = std::pair<int, double*>;
#else
using argument = std::pair<int, double>;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
