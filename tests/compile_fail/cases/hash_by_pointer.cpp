// expect: the container's comparator, hash or equality has a state
#include <memo/memo.hpp>

#include <cereal/types/unordered_map.hpp>
#include <cereal/types/vector.hpp>

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <vector>

#ifdef MEMO_BAD
using hash = std::size_t (*)(int);
#else
using hash = std::hash<int>;
#endif

double call(std::vector<std::unordered_map<int, int, hash>> const& x);

int main() {
    return static_cast<int>(memo::memoize(memo::fn<&call>{})({}));
}
