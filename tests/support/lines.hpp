// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lines of a text.

#include <sstream>
#include <string>
#include <vector>

namespace memo_test {

inline std::vector<std::string> lines_of(std::string const& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

} // namespace memo_test
