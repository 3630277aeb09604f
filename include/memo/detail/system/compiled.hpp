// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the functions that depend on no type of the user are compiled: in every file that includes memo,
// or, with MEMO_COMPILED, once in the library memo::compiled. A header x.hpp declares them, and x.ipp
// beside it defines them; x.hpp ends with
//
//     #if !defined(MEMO_COMPILED)
//     #include "x.ipp"
//     #endif
//
// and src/memo.cpp includes every x.ipp.

#include <memo/version.hpp>

#include <cstddef> // says which standard library this is

/// Begins a definition in an x.ipp.
#if defined(MEMO_COMPILED)
#define MEMO_DEFINITION
#else
#define MEMO_DEFINITION inline
#endif

/// The same for memo/detail/lmdb and what needs LMDB: memo::compiled_disk.
#if defined(MEMO_COMPILED_DISK)
#define MEMO_DISK_DEFINITION
#else
#define MEMO_DISK_DEFINITION inline
#endif

// memo/detail/memcached has templates of the connection. With MEMO_COMPILED_MEMCACHED those of memo::memcached
// are instantiated once, in memo::compiled_memcached.

#if defined(MEMO_COMPILED)
namespace memo::detail {

// The name says what library and headers must have in common; where they differ, the linker misses it.
#define MEMO_JOIN(a, b, c, d) memo_compiled_is_not_of_version_##a##_##b##_##c##d
#define MEMO_JOIN_VALUES(a, b, c, d) MEMO_JOIN(a, b, c, d)
#if defined(_LIBCPP_VERSION)
#define MEMO_STANDARD_LIBRARY _with_libcxx
#elif defined(_GLIBCXX_DEBUG)
#define MEMO_STANDARD_LIBRARY _with_glibcxx_debug
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define MEMO_STANDARD_LIBRARY _with_glibcxx_old_abi
#else
#define MEMO_STANDARD_LIBRARY
#endif
#define MEMO_COMPILED_SYMBOL                                                                       \
    MEMO_JOIN_VALUES(MEMO_VERSION_MAJOR, MEMO_VERSION_MINOR, MEMO_VERSION_PATCH,                   \
                     MEMO_STANDARD_LIBRARY)

extern "C" char const MEMO_COMPILED_SYMBOL;

// Hidden: one reference in each module.
[[gnu::used, gnu::visibility("hidden")]] inline constinit char const* const compiled_version =
    &MEMO_COMPILED_SYMBOL;

} // namespace memo::detail
#endif
