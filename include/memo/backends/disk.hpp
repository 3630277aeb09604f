// SPDX-License-Identifier: BSL-1.0
#pragma once

// The disk backend, shared by the processes of one machine. Needs LMDB: the CMake target is
// memo::disk.

#include <memo/detail/system/compiler.hpp>
#include <memo/detail/system/posix.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>
#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/disk_partition.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <memory>
#include <string>

namespace memo {

/// Stores records in the files of a directory, for later runs and for other processes.
///
/// A stored record survives any end of the process. A power cut may lose a part of the cache, or
/// all of it. Every frame is checked, so a hit returns only a record that was stored for the same
/// call. Copies share one store.
///
/// Thread safety:  safe; a hit takes no lock. Safe across fork(), for parent and child
/// Throws:         memo::error if the directory is unusable
class disk {
  public:
    using settings = disk_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    disk();
    explicit disk(settings chosen);
    // A move is a copy, so that the source stays usable.
    disk(disk const&) = default;
    disk& operator=(disk const&) = default;
    ~disk() = default;

    template <class Record> using partition_type = detail::disk_partition<Record>;

    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        return {store_, scope};
    }

    /// Sets the name and version of the function of a scope, which tools list. If the directory has
    /// the name only under other scopes, the reason for misses of absent keys is
    /// miss_reason::version.
    void describe(key128 scope, std::string const& name, std::string const& version) const;

    /// Entries and bytes of all functions and processes; the other counters are those of this
    /// process.
    [[nodiscard]] backend_statistics stats() const;

    /// The identity of the directory, independent of the path.
    [[nodiscard]] key128 identity() const;

    /// The absolute path of the cache.
    [[nodiscard]] std::string const& directory() const noexcept;

  private:
    std::shared_ptr<detail::disk_store> store_;
};

} // namespace memo

#if !defined(MEMO_COMPILED_DISK)
#include "disk.ipp"
#endif

#pragma GCC diagnostic pop
