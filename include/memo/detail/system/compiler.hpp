// SPDX-License-Identifier: BSL-1.0
#pragma once

// What memo needs of the compiler. Each header that users include begins with this one, so that what is
// missing is said in one sentence and not in the errors of a thousand lines.

#if __cplusplus < 202002L
#error "memo needs C++20: compile with -std=c++20 or newer"
#endif
#if !defined(__cpp_exceptions)
#error "memo needs exceptions, which functions fail by: compile without -fno-exceptions"
#endif
#if !defined(__cpp_rtti)
#error "memo needs type information, as keys name types: compile without -fno-rtti"
#endif
#if __cplusplus < 202002L || !defined(__cpp_exceptions) || !defined(__cpp_rtti)
#include <memo/end_of_compilation> // of all errors only a missing file ends it at once
#endif
