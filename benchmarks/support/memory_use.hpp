// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a process takes of the machine's memory, as the kernel tells it.

#include <fstream>
#include <stdexcept>
#include <string>

namespace benchmark {

inline double status_bytes(std::string const& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ':')) {
            return 1024 * std::stod(line.substr(name.size() + 1));
        }
    }
    throw std::runtime_error("the kernel tells no " + name);
}

inline double resident_bytes() {
    return status_bytes("VmRSS");
}

/// The most since the process began.
inline double peak_resident_bytes() {
    return status_bytes("VmHWM");
}

} // namespace benchmark
