// expect g++: designator order for field 'memo::averaged_options<double>::rtol_stderr' does not match declaration order
// expect clang: field designators to be specified in declaration order; field 'min_repetitions' will be initialized after field 'rtol_stderr'
// foreign: the compilers choose an overload before they check the order; clang warns, an error by -Werror
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.min_repetitions = 5, .rtol_stderr = 0.1})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory, memo::averaged>(
        [](int x) { return 0.5 * x; }, {.rtol_stderr = 0.1, .min_repetitions = 5})(1));
#endif
}
