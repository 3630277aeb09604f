// SPDX-License-Identifier: BSL-1.0

// The smallest program: calls a function that takes a second twice. The second call returns at once,
// because memo stored the result of the first one.

#include <memo/memo.hpp>

#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

int main() {
    using namespace std::chrono_literals;

    auto power = memo::memoize<memo::memory>([](double x, int n) {
        std::this_thread::sleep_for(1s); // stands for hours of work
        return std::pow(x, n);
    });

    std::cout << power(2.0, 10) << "   (computed)\n";
    std::cout << power(2.0, 10) << "   (from the cache)\n";
    std::cout << power.stats() << '\n';
}
