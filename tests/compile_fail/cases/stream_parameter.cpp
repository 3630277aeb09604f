// expect: memo: a stream cannot be part of a cache key
#include <memo/memo.hpp>

#include <sstream>
#include <string>

#ifdef MEMO_BAD
using argument = std::stringstream;
#else
using argument = std::string;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
