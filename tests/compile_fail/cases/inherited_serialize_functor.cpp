// expect: the functor inherits its serialize()
#include <memo/memo.hpp>

struct scaled {
    int by = 1;
    template <class Archive> void serialize(Archive& archive) { archive(by); }
};
struct shifted : scaled {
    int offset = 1;
    int operator()(int x) const { return by * x + offset; }
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<scaled>(this), offset);
    }
#endif
};

int main() {
    return memo::memoize(shifted())(2);
}
