// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled: what depends on no type of the user, see memo/detail/system/compiled.hpp.

#include <memo/detail/memory/segment_directory.ipp>
#include <memo/memo.hpp>

extern "C" constexpr char const MEMO_COMPILED_SYMBOL = 0;
