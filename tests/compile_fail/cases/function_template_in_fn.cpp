// expect g++: unable to deduce 'auto' from '& twice'
// expect clang: non-type template parameter 'F' with type 'auto' has incompatible initializer of type '<overloaded function type>'
// foreign: no parameter of a class template takes the name of a function template
#include <memo/memo.hpp>

template <class T> T twice(T x) {
    return x + x;
}

int main() {
#ifdef MEMO_BAD
    return memo::memoize(memo::fn<&twice>{})(1);
#else
    return memo::memoize(memo::fn<&twice<int>>{})(1);
#endif
}
