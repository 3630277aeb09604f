// expect g++: unable to deduce 'auto' from '& over'
// expect clang: non-type template parameter 'F' with type 'auto' has incompatible initializer of type '<overloaded function type>'
// foreign: no parameter of a class template takes an overloaded name
#include <memo/memo.hpp>

double over(double x);
int over(int x);

int main() {
#ifdef MEMO_BAD
    return memo::memoize(memo::fn<&over>{})(1);
#else
    return memo::memoize(memo::fn<static_cast<int (*)(int)>(&over)>{})(1);
#endif
}
