// expect g++: name_one_function_of_an_overloaded_name
// expect clang: memo: this name is overloaded or a template
// lines: 18, clang lists the functions of the name
#include <memo/memo.hpp>

double over(double x);
int over(int x);

int main() {
#ifdef MEMO_BAD
    return memo::memoize(&over, {}, memo::memory())(1);
#else
    return memo::memoize([](int x) { return over(x); }, {}, memo::memory())(1);
#endif
}
