// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a user may say about a disk backend.

#include <memo/time_span.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

namespace memo {

/// What a stored record survives.
enum class durability {
    process,    ///< the end of the process, however it ends; a power cut may take the cache
    power_loss, ///< a power cut too, but for the last record; every put waits for the disk
};

/// The settings of memo::disk, for designated initializers.
struct disk_settings {
    /// Where: made if it is missing, with its parents. Empty: `$XDG_CACHE_HOME/memo`, or
    /// `~/.cache/memo`. A relative path begins at the working directory of the moment; `~` is not
    /// replaced.
    std::string directory{};
    /// The most bytes of live pages to keep, over all functions and processes. 0: what a file of 64
    /// GiB holds, 60. The file keeps the pages that it once had, and is never larger than 4 times the
    /// bound, or 1 GiB.
    std::uint64_t max_bytes = 0;
    /// Records older than this are not served. 0: all are.
    time_span max_age{};
    /// How long a call waits for another process that computes the same; then it computes it, too.
    /// For a process that was stopped and holds what others wait for. 0: for as long as it takes. For
    /// the locks of the store a call waits as long, but never more than 10 s; then it fails, and for
    /// a second, which doubles up to 30, no call waits.
    time_span max_wait = std::chrono::minutes(10);
    /// Who may read and write the files; the directory can be entered by who can read.
    unsigned mode = 0600;
    memo::durability durability = memo::durability::process;
    /// Serves what is there, and stores nothing. The directory may be one without write permission.
    bool read_only = false;
    /// Locks and shared memory do not hold between machines. Only for a file system that is mounted
    /// by one machine.
    bool allow_network_fs = false;
    /// What `ttl` and `max_age` are measured with.
    std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now;
    /// Hears of damage that was set aside, one sentence each, and what to do about it.
    std::function<void(std::string const&)> report = [](std::string const& text) {
        std::cerr << text << '\n';
    };
};

} // namespace memo
