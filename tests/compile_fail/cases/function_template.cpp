// expect g++: name_one_function_of_an_overloaded_name
// expect clang: memo: this name is overloaded or a template
#include <memo/memo.hpp>

template <class T> T twice(T x) {
    return x + x;
}

int main() {
#ifdef MEMO_BAD
    return memo::memoize(twice)(1);
#else
    return memo::memoize(twice<int>)(1);
#endif
}
