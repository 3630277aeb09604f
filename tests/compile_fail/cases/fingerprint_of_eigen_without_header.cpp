// expect: memo: an Eigen matrix becomes part of a cache key with #include <memo/types/eigen.hpp>
#include <memo/memo.hpp>

#include <Eigen/Core>

int main() {
    Eigen::VectorXd const x = Eigen::VectorXd::Ones(2);
#ifdef MEMO_BAD
    return static_cast<int>(memo::fingerprint(x).low);
#else
    return static_cast<int>(memo::fingerprint(x.size()).low);
#endif
}
