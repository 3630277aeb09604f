// SPDX-License-Identifier: BSL-1.0
#pragma once

// The settings of memo::disk.

#include <memo/detail/system/compiled.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace memo {

/// Which events a stored record survives.
enum class durability {
    process,    ///< any end of the process; a power cut may lose the cache
    power_loss, ///< also a power cut, except the last record; every put waits for the disk
};

/// The settings of memo::disk, for designated initializers.
struct disk_settings {
    /// Created if it is missing, with its parents. Empty: `$XDG_CACHE_HOME/memo`, or `~/.cache/memo`.
    /// A relative path starts at the working directory in which the backend is created; `~` is not expanded.
    std::string directory{};
    /// Bound on the bytes of live pages, over all functions and processes. 0: 60 GiB, in a file of
    /// at most 64 GiB. The file does not shrink by itself; its maximal size is 4 times the bound, and
    /// at least 1 GiB.
    std::uint64_t max_bytes = 0;
    /// Older records are misses. 0: no limit.
    time_span max_age{};
    /// The maximal time for which a call waits for another process that computes the same key; then
    /// it computes the value, too, because that process may be stopped. 0: no limit. Also limits the
    /// wait for the locks of the store, to at most 10 s. After such a timeout the operation fails,
    /// and no call waits for 1 s, then 2, 4, … 30 s.
    time_span max_wait = std::chrono::minutes(10);
    /// Permissions of the files. Users with read permission may enter the directory.
    unsigned mode = 0600;
    memo::durability durability = memo::durability::process;
    /// Serves records and stores nothing. The directory needs no write permission.
    bool read_only = false;
    /// Accepts a network file system. Locks and shared memory do not work between machines, so only
    /// one machine may mount it.
    bool allow_network_fs = false;
    /// The clock of `ttl` and `max_age`.
    std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now;
    /// Called with a message when damaged data is set aside; the message says what to do.
    std::function<void(std::string const&)> report = print;

    /// Prints a line to std::cerr.
    static void print(std::string const& text);
};

} // namespace memo

#if !defined(MEMO_COMPILED_DISK)
#include "disk_settings.ipp"
#endif
