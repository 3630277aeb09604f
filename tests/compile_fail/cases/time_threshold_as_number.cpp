// expect: memo: a duration needs a unit: 300ms instead of 0.3
#include <memo/memo.hpp>

#include <chrono>

int main() {
#ifdef MEMO_BAD
    return static_cast<int>(
        memo::memoize<memo::memory>([](int x) { return 0.5 * x; }, {.time_threshold = 0.3})(1));
#else
    return static_cast<int>(memo::memoize<memo::memory>(
        [](int x) { return 0.5 * x; }, {.time_threshold = std::chrono::milliseconds(300)})(1));
#endif
}
