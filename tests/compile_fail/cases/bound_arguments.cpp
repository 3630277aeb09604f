// expect: the callable carries state (captures, members or bound arguments)
#include <memo/memo.hpp>

#include <functional>

int add(int x, int y);

int main() {
    auto const shift = std::bind(&add, 1, std::placeholders::_1);
#ifdef MEMO_BAD
    return memo::memoize(shift)(2);
#else
    return memo::memoize<memo::memory, memo::signature<int(int)>>(memo::keyed(shift, 1))(2);
#endif
}
