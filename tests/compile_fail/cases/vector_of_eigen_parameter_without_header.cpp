// expect: memo: an Eigen matrix becomes part of a cache key with #include <memo/types/eigen.hpp>
#include <memo/memo.hpp>

#include <Eigen/Core>

#include <vector>

#ifdef MEMO_BAD
using argument = std::vector<Eigen::VectorXd>;
#else
using argument = double;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
