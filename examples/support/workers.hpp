// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs a function in several processes, each of which returns a report.

#include <cstddef>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <vector>

namespace examples {

/// Forks a process for each worker = 0 … count-1, calls `work(worker, report)` in it, and waits for
/// all.
///
/// Report          trivially copyable, in shared memory
/// Returns         one report per worker
/// Throws:         std::runtime_error if a worker fails
template <class Report, class Work>
[[nodiscard]] std::vector<Report> in_processes(std::size_t count, Work const& work) {
    static_assert(std::is_trivially_copyable_v<Report>);
    std::size_t const bytes = count * sizeof(Report);
    void* const shared =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        throw std::runtime_error("no shared memory for the workers");
    }
    auto* const reports = static_cast<Report*>(shared);
    std::vector<pid_t> children;
    for (std::size_t worker = 0; worker < count; ++worker) {
        pid_t const child = ::fork();
        if (child == 0) {
            int status = 1;
            try {
                work(worker, *new (reports + worker) Report{});
                status = 0;
            } catch (...) { // the exit status reports it
                status = 1;
            }
            ::_exit(status);
        }
        if (child > 0) {
            children.push_back(child);
        }
    }
    bool all_well = children.size() == count;
    for (pid_t const child : children) {
        int status = 0;
        all_well = ::waitpid(child, &status, 0) == child && status == 0 && all_well;
    }
    std::vector<Report> result(reports, reports + count);
    ::munmap(shared, bytes);
    if (!all_well) {
        throw std::runtime_error("a worker failed");
    }
    return result;
}

} // namespace examples
