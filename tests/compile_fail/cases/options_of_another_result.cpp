// expect: memo: the second argument is a list of options in braces
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    memo::options<int> const chosen{.name = "f", .version = "1"};
#else
    memo::options<double> const chosen{.name = "f", .version = "1"};
#endif
    return static_cast<int>(memo::memoize([](int x) { return 0.5 * x; }, chosen)(1));
}
