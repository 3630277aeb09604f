// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/backends/memory.hpp>
#include <memo/detail/memory/memory_store.hpp>

#include <memory>
#include <utility>

namespace memo {

MEMO_DEFINITION memory::memory() : memory(settings{}) {}

MEMO_DEFINITION memory::memory(settings chosen)
    : store_(std::make_shared<detail::memory_store>(std::move(chosen))) {}

MEMO_DEFINITION backend_statistics memory::stats() const {
    return store_->stats();
}

} // namespace memo
