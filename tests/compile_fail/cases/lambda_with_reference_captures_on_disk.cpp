// expect: memo: the callable carries state
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

int main() {
    int factor = 3;
    auto const scaled = [&factor](int x) { return factor * x; };
#ifdef MEMO_BAD
    return memo::memoize<memo::disk>(scaled, {.name = "scaled", .version = "1"})(1);
#else
    return memo::memoize<memo::disk>(memo::keyed(scaled, factor),
                                     {.name = "scaled", .version = "1"})(1);
#endif
}
