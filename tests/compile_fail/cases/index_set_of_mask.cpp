// expect: a mask of true and false would be read as the indices 1 and 0
#include <memo/memo.hpp>

#include <vector>

int main() {
    std::vector<bool> const mask{false, true};
#ifdef MEMO_BAD
    memo::index_set const members(mask);
#else
    auto const members = memo::index_set::of_mask(mask);
#endif
    return members.contains(1) ? 0 : 1;
}
