// expect: the callable carries state (captures, members or bound arguments)
#include <memo/memo.hpp>

struct shift {
    int offset = 1;
    int operator()(int x) const { return x + offset; }
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(offset);
    }
#endif
};

int main() {
    return memo::memoize(shift())(2);
}
