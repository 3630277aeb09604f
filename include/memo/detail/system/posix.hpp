// SPDX-License-Identifier: BSL-1.0
#pragma once

// The requirement of headers that call POSIX: files with locks, sockets.

#if defined(_WIN32)
#error                                                                                             \
    "memo::disk and memo::memcached need POSIX: on Windows use memo::memory, or memo::byte_backend"
#include <memo/end_of_compilation> // as in compiler.hpp
#endif
