// expect: memo: this is a setting of a backend, not an option. Pass it to the backend, the third argument
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(memo::memoize<memo::disk>(
        [](int x) { return 0.5 * x; }, {.name = "f", .version = "1", .directory = "cache"})(1));
#else
    return static_cast<int>(memo::memoize<memo::disk>([](int x) { return 0.5 * x; },
                                                      {.name = "f", .version = "1"},
                                                      memo::disk({.directory = "cache"}))(1));
#endif
}
