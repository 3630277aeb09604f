// expect g++: memo_function_holds_a_memoized_function_of_the_same_signature
// expect clang: memo::function<R(P...)> holds a memoized function of the same signature
#include <memo/function.hpp>
#include <memo/memo.hpp>

int main() {
    memo::function<double(double)> f;
#ifdef MEMO_BAD
    f = memo::memoize([](double x, int n) { return x * n; });
#else
    f = memo::memoize([](double x) { return 2 * x; });
#endif
    return static_cast<int>(f(1));
}
