// expect: memo: this option is a number
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.rtol_stderr = "0.1"})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.rtol_stderr = 0.1})(1));
#endif
}
