// expect: memo: a duration needs a unit: 300ms instead of 0.3
#include <memo/memo.hpp>

#include <chrono>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.ttl = 3600})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>([](int x) { return 0.5 * x; },
                                                        {.ttl = std::chrono::hours(1)})(1));
#endif
}
