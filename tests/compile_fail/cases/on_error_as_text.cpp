// expect: memo: this option is one of memo's enumerators
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.on_error = "strict"})(1));
#else
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.on_error = memo::strict})(1));
#endif
}
