// expect: memo: this result cannot be stored outside of the process: an Eigen matrix needs
// lines: 40, the backend finds the mistake, many templates below memoize
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <Eigen/Core>

int main() {
#ifdef MEMO_BAD
    auto const f = memo::memoize<memo::disk>(
        [](int x) -> Eigen::VectorXd { return Eigen::VectorXd::Ones(x); });
#else
    auto const f = memo::memoize<memo::disk>([](int x) { return static_cast<double>(x); });
#endif
    static_cast<void>(f(1));
}
