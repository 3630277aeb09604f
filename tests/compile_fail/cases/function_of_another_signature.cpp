// expect g++: memo_function_holds_a_memoized_function_of_the_same_signature
// expect clang: memo::function<R(P...)> holds a memoized function of the same signature
#include <memo/function.hpp>
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    memo::function<double(double)> const f = memo::memoize([](int x) { return x; });
#else
    memo::function<int(int)> const f = memo::memoize([](int x) { return x; });
#endif
    return static_cast<int>(f(1));
}
