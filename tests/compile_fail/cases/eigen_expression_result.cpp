// expect: memo: the result is an Eigen expression
#include <memo/memo.hpp>
#include <memo/types/eigen.hpp>

#include <Eigen/Core>

int main() {
#ifdef MEMO_BAD
    auto const f =
        memo::memoize<memo::memory>([](double x) { return Eigen::VectorXd::Ones(2) * x; });
#else
    auto const f = memo::memoize<memo::memory>(
        [](double x) -> Eigen::VectorXd { return Eigen::VectorXd::Ones(2) * x; });
#endif
    static_cast<void>(f(1));
}
