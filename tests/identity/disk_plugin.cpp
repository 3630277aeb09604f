// SPDX-License-Identifier: BSL-1.0

// A plugin that opens a directory by itself, which its host may have open.

#include "disk_use.hpp"

/// 0: all results were right; 1: one was wrong; 2: the directory was refused.
extern "C" [[gnu::visibility("default")]] int disk_plugin_use(char const* directory, int calls) {
    return memo_test::use_directory(directory, calls, "plugin");
}
