// SPDX-License-Identifier: BSL-1.0
#pragma once

// The directory of the examples' data sets.

#include <filesystem>

namespace examples {

/// `examples/data` of the source tree, from the build system.
[[nodiscard]] inline std::filesystem::path data_directory() {
    return MEMO_EXAMPLES_DATA_DIR;
}

} // namespace examples
