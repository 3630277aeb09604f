// expect: memo: the third argument is the backend, an object of the type
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory>([](int x) { return x; }, {.name = "f", .version = "1"},
                                       memo::disk({.directory = "cache"}))(1);
#else
    return memo::memoize<memo::memory>([](int x) { return x; }, {.name = "f", .version = "1"},
                                       memo::memory())(1);
#endif
}
