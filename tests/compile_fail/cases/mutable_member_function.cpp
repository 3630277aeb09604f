// expect: a parameter is taken by non-const reference
#include <memo/memo.hpp>

struct model {
    int weight = 1;
#ifdef MEMO_BAD
    int score(int x) {
        return weight *= x;
    }
#else
    int score(int x) const {
        return weight * x;
    }
#endif
    template <class Archive> void serialize(Archive& archive) {
        archive(weight);
    }
};

int main() {
    model fitted;
    return memo::memoize(memo::fn<&model::score>{})(fitted, 2);
}
