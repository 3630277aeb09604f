// expect: memo: name, version and hash_prefix are texts
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.name = "f", .version = 1})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.name = "f", .version = "1"})(1));
#endif
}
