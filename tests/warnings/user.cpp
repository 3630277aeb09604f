// SPDX-License-Identifier: BSL-1.0

// A program that uses all headers.

#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/byte_backend.hpp>
#include <memo/function.hpp>
#include <memo/memo.hpp>
#include <memo/types/eigen.hpp>

#include <string>
#include <vector>

int main() {
    using memory_and_disk = memo::tiered<memo::memory, memo::disk>;
    auto const power = memo::memoize<memory_and_disk>(
        [](double x, std::vector<int> const& n) { return x + n.front(); },
        {.name = "power", .version = "1"});
    auto const noisy = memo::memoize<memo::memcached, memo::averaged>(
        [](memo::index_set const& set) { return static_cast<double>(set.size()); },
        {.name = "noisy", .version = "1"});
    auto const trace = memo::memoize([](Eigen::MatrixXd const& m) { return m.trace(); });
    memo::function<double(double, std::vector<int> const&)> const any = power;
    return static_cast<int>(power(2, {1}) + noisy({1, 2}) + trace(Eigen::MatrixXd(2, 2)) +
                            any(2, {2}) + noisy.estimate({1}).mean);
}
