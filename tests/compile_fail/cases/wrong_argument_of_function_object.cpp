// expect g++: a_call_needs_an_argument_of_the_right_type_for_each_parameter
// expect clang: memo: a call needs an argument of the right type for each parameter
#include <memo/function.hpp>
#include <memo/memo.hpp>

int main() {
    memo::function<int(int)> const h = memo::memoize([](int x) { return x; });
#ifdef MEMO_BAD
    return h("1");
#else
    return h(1);
#endif
}
