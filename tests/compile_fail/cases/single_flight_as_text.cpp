// expect: memo: single_flight is true or false
#include <memo/memo.hpp>

#include <string>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.single_flight = std::string("no")})(1));
#else
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.single_flight = false})(1));
#endif
}
