// SPDX-License-Identifier: BSL-1.0

// A slow function whose results are in a Redis server: the second run computes nothing.
//
//   redis_backend [PORT]

#include <memo/memo.hpp>

#include "redis_store.hpp"
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <thread>

int main(int argc, char** argv) {
    int const port = argc > 1 ? std::atoi(argv[1]) : 6379;
    examples::redis const backend(examples::redis_store({.port = port}), {.name_space = "example"});

    auto const power = memo::memoize(
        [](double x, int n) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100)); // a model is trained here
            return std::pow(x, n);
        },
        {.name = "power", .version = "1", .ttl = std::chrono::hours(1)}, backend);

    std::cout << power(2.0, 10) << ' ' << power(2.0, 20) << '\n' << power.stats();
}
