// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/invalidations.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

namespace memo::detail {

MEMO_DEFINITION bool invalidation_log::includes(key128 key, std::uint64_t since) const {
    if (count_ == since) {
        return false;
    }
    std::scoped_lock const lock(mutex_);
    std::uint64_t const count = count_;
    if (all_ > since || count - since > max_entries) {
        return true;
    }
    for (std::uint64_t i = since; i < count; ++i) {
        if ((*entries_)[i % max_entries] == key) {
            return true;
        }
    }
    return false;
}

MEMO_DEFINITION void invalidation_log::log(key128 key) {
    std::scoped_lock const lock(mutex_);
    append(key);
}

MEMO_DEFINITION void invalidation_log::log_all() {
    std::scoped_lock const lock(mutex_);
    append({});
    all_ = count_;
}

MEMO_DEFINITION void invalidation_log::append(key128 key) {
    if (entries_ == nullptr) {
        entries_ = std::make_unique<std::array<key128, max_entries>>();
    }
    (*entries_)[count_ % max_entries] = key;
    count_ += 1;
}

} // namespace memo::detail
