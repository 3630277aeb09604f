// expect: memo: this is an option of averaged functions. Add the policy memo::averaged
#include <memo/memo.hpp>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize([](int x) { return 0.5 * x; }, {.rtol_stderr = 0.1});
#else
    auto const f = memo::memoize<memo::memory, memo::averaged>([](int x) { return 0.5 * x; },
                                                               {.rtol_stderr = 0.1});
#endif
    return static_cast<int>(f.estimate(1).mean);
}
