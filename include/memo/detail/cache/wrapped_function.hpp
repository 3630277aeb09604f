// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the copies of a memo::memoized share, without the types of the function and its backend.

#include <memo/detail/key/midstate.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/system/compiled.hpp>

#include <memory>

namespace memo::detail {

struct wrapped_function {
    explicit wrapped_function(function_identity&& function);
    wrapped_function(wrapped_function const&) = delete;
    wrapped_function& operator=(wrapped_function const&) = delete;
    virtual ~wrapped_function();

    hash_midstate const midstate; ///< of every key
    function_identity const identity;
};

/// Takes ownership.
[[nodiscard]] std::shared_ptr<wrapped_function> share(wrapped_function* function);

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "wrapped_function.ipp"
#endif
