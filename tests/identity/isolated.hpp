// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a program and its plugin have in common.

namespace memo_test {

/// A type of which the process has one object.
struct one_per_process {
    int number = 0;
};

} // namespace memo_test
