// expect: memo: an Eigen expression, Ref or Map cannot be part of a cache key
#include <memo/memo.hpp>
#include <memo/types/eigen.hpp>

#include <Eigen/Core>

#ifdef MEMO_BAD
using argument = Eigen::Ref<Eigen::VectorXd const>;
#else
using argument = Eigen::VectorXd;
#endif

double call(argument const& x);

int main() {
    return static_cast<int>(
        memo::memoize<memo::memory>(memo::fn<&call>{}).key(Eigen::VectorXd::Ones(2)).low);
}
