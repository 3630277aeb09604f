// expect: a parameter is a std::span of elements that are not const
#include <memo/memo.hpp>

#include <span>

#ifdef MEMO_BAD
using argument = std::span<double>;
#else
using argument = std::span<double const>;
#endif

int call(argument x);

int main() {
    return memo::memoize(memo::fn<&call>{})({});
}
