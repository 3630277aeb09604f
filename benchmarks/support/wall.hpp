// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the kernel does the work, CPU time of one thread says little: the same turns, by the clock on the wall. And
// processes that measure together.

#include <support/measure.hpp>

#include <algorithm>
#include <ctime>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace benchmark {

/// ns
inline double wall_time() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Runs body(0) … body(count - 1), each in a process of its own, and gives what they returned.
template <class Body> std::vector<double> children(int count, Body const& body) {
    std::size_t const size = static_cast<std::size_t>(count) * sizeof(double);
    auto* const results = static_cast<double*>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::vector<pid_t> started;
    for (int i = 0; i < count; ++i) {
        pid_t const id = ::fork();
        if (id == 0) {
            int code = 1;
            try {
                results[i] = body(i);
                code = 0;
            } catch (std::exception const& failure) {
                std::cerr << failure.what() << '\n';
            }
            ::_exit(code);
        }
        started.push_back(id);
    }
    bool failed = false;
    for (pid_t const id : started) {
        int status = 0;
        ::waitpid(id, &status, 0);
        failed = failed || status != 0;
    }
    std::vector<double> values(results, results + count);
    ::munmap(results, size);
    if (failed) {
        throw std::runtime_error("a process of the benchmark failed");
    }
    return values;
}

template <class Body> double sum_of_children(int count, Body const& body) {
    auto const values = children(count, body);
    return std::accumulate(values.begin(), values.end(), 0.0);
}
template <class Body> double max_of_children(int count, Body const& body) {
    return std::ranges::max(children(count, body));
}

} // namespace benchmark
