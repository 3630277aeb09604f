// expect: memo: this is an option of averaged functions. Add the policy memo::averaged
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize([](int x) { return 0.5 * x; },
                                          {.name = "f", .version = "1", .rtol_stderr = 0.1},
                                          memo::memory())(1));
#else
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.name = "f", .version = "1", .rtol_stderr = 0.1},
        memo::memory())(1));
#endif
}
