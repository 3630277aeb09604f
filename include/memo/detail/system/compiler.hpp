// SPDX-License-Identifier: BSL-1.0
#pragma once

// The requirements on the compiler. Headers that users include start with this one, so that a missing
// feature causes one sentence instead of a thousand lines of errors.

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
#include <memo/end_of_compilation> // a missing file is the only error that stops the compiler at once
#endif

// Included before all else, because the compiler prints above each refusal how it got there.
#include <memo/detail/refusal.hpp>
#include <memo/detail/wrong_arguments.hpp>
