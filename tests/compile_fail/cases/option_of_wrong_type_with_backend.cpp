// expect: memo: name, version and hash_prefix are texts
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#ifdef MEMO_BAD
constexpr int version = 1;
#else
constexpr auto version = "1";
#endif

int main() {
    return memo::memoize<memo::disk>([](int x) { return x; }, {.name = "f", .version = version},
                                     memo::disk({.directory = "cache"}))(1);
}
