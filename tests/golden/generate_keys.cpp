// SPDX-License-Identifier: BSL-1.0

// Prints tests/golden/keys.txt. Its keys are on users' disks: a line that changes is a new format.

#include "key_cases.hpp"
#include <iostream>

int main() {
    for (auto const& named : golden::key_cases()) {
        std::cout << golden::line_of(named) << '\n';
    }
}
