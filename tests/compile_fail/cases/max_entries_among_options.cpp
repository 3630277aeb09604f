// expect: memo: this is a setting of a backend, not an option. Pass it to the backend, the third argument
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.max_entries = 1000})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {},
                                                        memo::memory({.max_entries = 1000}))(1));
#endif
}
