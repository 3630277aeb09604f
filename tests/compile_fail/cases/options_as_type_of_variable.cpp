// expect: memo: a variable of options names the function's result type: memo::options<double>
// lines: 16, the chain of headers above the options is long
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    memo::options const chosen{.name = "f", .version = "1"};
#else
    memo::options<double> const chosen{.name = "f", .version = "1"};
#endif
    return static_cast<int>(memo::memoize([](int x) { return 0.5 * x; }, chosen)(1));
}
