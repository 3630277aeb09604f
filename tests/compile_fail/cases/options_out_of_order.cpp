// expect g++: designator order for field 'memo::options<double>::name' does not match declaration order
// expect clang: field designators to be specified in declaration order; field 'version' will be initialized after field 'name'
// foreign: the compilers choose an overload before they check the order; clang warns, an error by -Werror
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.version = "1", .name = "f"})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.name = "f", .version = "1"})(1));
#endif
}
