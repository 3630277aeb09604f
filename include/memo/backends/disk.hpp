// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records kept on disk, shared by the processes of one machine. Needs LMDB: the CMake target is
// memo::disk.

#include <memo/detail/system/compiler.hpp>

#include <memo/backend.hpp>
#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/disk_partition.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace memo {

/// Keeps records in the files of a directory, for the next run and for other processes.
///
/// A stored record survives the end of the process however it ends. After a power cut some or all of
/// the cache may be gone. What is served was stored for that call: every frame is checked. Copies
/// share one store.
///
/// Thread safety:  safe; a hit takes no lock. Safe across fork(), for parent and child
/// Throws:         memo::error where the directory cannot be used
class disk {
  public:
    using settings = disk_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    disk() : disk(settings{}) {}
    explicit disk(settings chosen)
        : store_(std::make_shared<detail::disk_store>(std::move(chosen))) {}
    // A move is a copy, so that what was moved from is still a backend.
    disk(disk const&) = default;
    disk& operator=(disk const&) = default;
    ~disk() = default;

    template <class Record> using partition_type = detail::disk_partition<Record>;

    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        return {store_, store_->open(scope)};
    }

    /// Says what the function of a scope is called. Tools list the name. If the directory has it under other
    /// scopes only, a lookup that finds nothing has the reason miss_reason::version.
    void describe(key128 scope, std::string const& name, std::string const& version) const {
        store_->describe(scope, name, version);
    }

    /// What all functions and processes have in the directory, and what this process saw happen.
    [[nodiscard]] backend_statistics stats() const {
        return detail::disk_store::with_size(store_->all_events(), store_->errors(),
                                             [&] { return detail::size_of_all(*store_); });
    }

    /// That of the directory, by whatever path.
    [[nodiscard]] key128 identity() const {
        std::error_code unknown;
        auto const whole = std::filesystem::canonical(directory(), unknown);
        return fingerprint(std::string_view("disk"), unknown ? directory() : whole.string());
    }

    /// Where the cache lies: an absolute path.
    [[nodiscard]] std::string const& directory() const noexcept {
        return store_->directory().root();
    }

  private:
    std::shared_ptr<detail::disk_store> store_;
};

} // namespace memo
