// expect g++: wrong number of template arguments (2, should be 5)
// expect clang: too few template arguments for class template 'memoized'
// lines: 30, g++ prints the declaration of the class. Nobody can write the type of a memoized function.
// foreign: a class template has no overloads
#include <memo/function.hpp>
#include <memo/memo.hpp>

double half(double x);

int main() {
#ifdef MEMO_BAD
    memo::memoized<memo::fn<&half>, memo::memory> const f = memo::memoize(memo::fn<&half>{});
#else
    memo::function<double(double)> const f = memo::memoize(memo::fn<&half>{});
#endif
    return static_cast<int>(f(1));
}
