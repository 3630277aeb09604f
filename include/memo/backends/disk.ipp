// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/fingerprint.hpp>

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace memo {

MEMO_DISK_DEFINITION disk::disk() : disk(settings{}) {}

MEMO_DISK_DEFINITION disk::disk(settings chosen)
    : store_(std::make_shared<detail::disk_store>(std::move(chosen))) {}

MEMO_DISK_DEFINITION void disk::describe(key128 scope, std::string const& name,
                                         std::string const& version) const {
    store_->describe(scope, name, version);
}

MEMO_DISK_DEFINITION backend_statistics disk::stats() const {
    return detail::disk_store::with_size(store_->total_counters(), store_->errors(),
                                         [&] { return detail::size_of_all(*store_); });
}

MEMO_DISK_DEFINITION key128 disk::identity() const {
    std::error_code failure;
    auto const path = std::filesystem::canonical(directory(), failure);
    return fingerprint(std::string_view("disk"), failure ? directory() : path.string());
}

MEMO_DISK_DEFINITION std::string const& disk::directory() const noexcept {
    return store_->directory().root();
}

} // namespace memo
