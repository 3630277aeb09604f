// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/backends/disk_settings.hpp>

#include <iostream>

namespace memo {

MEMO_DISK_DEFINITION void disk_settings::print(std::string const& text) {
    std::cerr << text << '\n';
}

} // namespace memo
