// expect: a pointer to a member function does not identify the function
#include <memo/memo.hpp>

struct model {
    int score(int x) const { return x; }
    template <class Archive> void serialize(Archive&) {}
};

int main() {
#ifdef MEMO_BAD
    return memo::memoize<memo::memory, memo::signature<int(model const&, int)>>(&model::score)(
        model(), 2);
#else
    return memo::memoize(memo::fn<&model::score>{})(model(), 2);
#endif
}
