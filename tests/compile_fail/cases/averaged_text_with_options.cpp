// expect: memo: the result of an averaged function must be a number
#include <memo/memo.hpp>

#include <string>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
                                [](int x) { return std::to_string(x); }, {.rtol_stderr = 0.1})(1)
                                .size());
#else
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.rtol_stderr = 0.1})(1));
#endif
}
