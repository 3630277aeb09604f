// expect g++: index_set_takes_unsigned_indices
// expect clang: memo: index_set takes unsigned indices
#include <memo/memo.hpp>

#include <vector>

int main() {
#ifdef MEMO_BAD
    std::vector<double> const indices{1, 2};
#else
    std::vector<unsigned> const indices{1, 2};
#endif
    return static_cast<int>(memo::index_set(indices).size());
}
