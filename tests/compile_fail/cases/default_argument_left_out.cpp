// expect g++: a_call_needs_an_argument_of_the_right_type_for_each_parameter
// expect clang: memo: a call needs an argument of the right type for each parameter
#include <memo/memo.hpp>

int fit(int x, int n = 3);

int main() {
    auto const f = memo::memoize(memo::fn<&fit>{});
#ifdef MEMO_BAD
    return f(2);
#else
    return f(2, 3);
#endif
}
