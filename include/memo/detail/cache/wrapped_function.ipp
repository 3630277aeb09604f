// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/wrapped_function.hpp>

#include <memory>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION wrapped_function::wrapped_function(function_identity&& function)
    : midstate(function.scope), identity(std::move(function)) {}

MEMO_DEFINITION wrapped_function::~wrapped_function() = default;

MEMO_DEFINITION std::shared_ptr<wrapped_function> share(wrapped_function* function) {
    return std::shared_ptr<wrapped_function>(function);
}

} // namespace memo::detail
