// expect g++: a_call_needs_an_argument_of_the_right_type_for_each_parameter
// expect clang: memo: a call needs an argument of the right type for each parameter
#include <memo/memo.hpp>

int main() {
    auto const f = memo::memoize([](int x, int n) { return x * n; });
#ifdef MEMO_BAD
    return f(1, 2, 3);
#else
    return f(1, 2);
#endif
}
