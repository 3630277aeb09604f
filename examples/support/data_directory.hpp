// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the examples' data sets lie.

#include <filesystem>

namespace examples {

/// `examples/data` of the source tree, as the build system knows it.
[[nodiscard]] inline std::filesystem::path data_directory() {
    return MEMO_EXAMPLES_DATA_DIR;
}

} // namespace examples
