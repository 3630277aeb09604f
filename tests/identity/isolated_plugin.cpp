// SPDX-License-Identifier: BSL-1.0

// A plugin of a program that sees none of its symbols, nor it any of the program's.

#include <memo/process.hpp>

#include "isolated.hpp"

extern "C" [[gnu::visibility("default")]] void* isolated_object() {
    return &memo::detail::process_wide<memo_test::one_per_process>();
}
