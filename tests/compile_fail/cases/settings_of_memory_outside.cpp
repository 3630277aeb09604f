// expect: memo: the third argument is a backend, and these are settings of one
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>([](int x) { return x; }, {.name = "f", .version = "1"},
                                       {.max_entries = 10})(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; }, {.name = "f", .version = "1"},
                                       memo::memory({.max_entries = 10}))(1);
#endif
}
