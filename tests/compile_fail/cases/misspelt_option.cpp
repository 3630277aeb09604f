// expect g++: an_option_has_an_unknown_name_or_stands_in_another_order
// expect clang: memo: an option has an unknown name
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.name = "f", .versoin = "1"})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.name = "f", .version = "1"})(1));
#endif
}
