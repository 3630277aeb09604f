// expect: memo: a duration needs a unit: 300ms instead of 0.3
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <chrono>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::disk>(
        [](int x) { return x; }, {.name = "f", .version = "1"}, memo::disk({.max_age = 3600}))(1));
#else
    return static_cast<int>(
        memo::memoize<memo::disk>([](int x) { return x; }, {.name = "f", .version = "1"},
                                  memo::disk({.max_age = std::chrono::hours(1)}))(1));
#endif
}
