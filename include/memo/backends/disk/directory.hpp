// SPDX-License-Identifier: BSL-1.0
#pragma once

// The directory of a disk cache: what lies in it, whose data may be trusted, and how damaged data is
// set aside.
//
//   CACHEDIR.TAG     tells backup programs to pass by (bford.info/cachedir)
//   open.lock        held while the files are opened, closed or replaced
//   users.lock       held, shared, for as long as they are open
//   state            what the file below says of itself, see below
//   v1/              LMDB's data.mdb and lock.mdb, write.lock, flight.lock, clock
//   v1.bad.1/        data that could not be trusted; the next set aside takes its place
//
// Data that was written without waiting for the disk is whole as long as the machine runs: a killed
// process leaves it to the kernel. After a crash of the machine its pages may be of different times,
// and no check of LMDB's finds that. So `state` keeps the boot in which it was written, and whether
// it was all handed to the disk since.

#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/settings.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/statfs.h>
#include <system_error>

namespace memo::detail {

/// Where the cache of a user lies by default.
/// Source: XDG Base Directory Specification 0.8.
[[nodiscard]] inline std::string default_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody may change the environment beside threads
    auto const variable = [](char const* name) { return std::getenv(name); };
    if (auto const* cache = variable("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
        return std::string(cache) + "/memo";
    }
    if (auto const* home = variable("HOME"); home != nullptr && *home != '\0') {
        return std::string(home) + "/.cache/memo";
    }
    throw error(errc::configuration, "disk: neither XDG_CACHE_HOME nor HOME says where the cache "
                                     "lies; give .directory");
}

/// Whether files on such a file system may be shared with other machines, so that neither locks nor
/// shared memory hold.
/// Source: statfs(2); linux/magic.h; FUSE is there for sshfs and its like.
[[nodiscard]] constexpr bool is_network_file_system(std::uint32_t magic) noexcept {
    constexpr std::array<std::uint32_t, 16> magics{
        0x6969,     // NFS
        0x517b,     // SMB
        0xfe534d42, // SMB 2
        0xff534d42, // CIFS
        0x01021997, // 9P
        0x65735546, // FUSE
        0x5346414f, // AFS
        0x6b414653, // kAFS
        0x73757245, // Coda
        0x564c,     // NCP
        0x00c36400, // Ceph
        0x0bd00bd0, // Lustre
        0x47504653, // GPFS
        0x19830326, // BeeGFS
        0x7461636f, // OCFS2
        0x01161970, // GFS2
    };
    return std::ranges::find(magics, magic) != magics.end();
}

/// What `state` says of the data.
struct disk_state {
    std::string boot;      ///< in which boot of the machine it was last written
    bool dirty = false;    ///< whether pages may not have reached the disk
    std::uint64_t map = 0; ///< bytes of address space, the same for all processes
};

class disk_directory {
  public:
    disk_directory() = default;

    /// Makes what is missing.
    ///
    /// Throws:         memo::error (configuration) for a directory that cannot be used
    explicit disk_directory(disk_settings const& settings)
        : root_(absolute(settings.directory.empty() ? default_directory() : settings.directory)),
          mode_(settings.mode) {
        if (!settings.read_only) {
            make(root_);
        }
        struct statfs system {};
        if (::statfs(root_.c_str(), &system) != 0) {
            if (settings.read_only) {
                refuse_empty();
            }
            refuse(root_, errno);
        }
        if (!settings.allow_network_fs &&
            is_network_file_system(static_cast<std::uint32_t>(system.f_type))) {
            throw error(errc::configuration,
                        "disk: " + root_ +
                            " lies on a network or FUSE file system, where locks and shared memory "
                            "do not hold between machines; choose a local directory, or the "
                            "memcached backend, or set .allow_network_fs if one machine alone "
                            "mounts it");
        }
        if (!settings.read_only) {
            tag();
        }
    }

    [[nodiscard]] std::string const& root() const noexcept { return root_; }
    [[nodiscard]] unsigned mode() const noexcept { return mode_; }
    [[nodiscard]] std::string path(std::string_view name) const {
        return root_ + '/' + std::string(name);
    }
    [[nodiscard]] std::string data() const { return path("v1"); }
    [[nodiscard]] std::string data_file() const { return path("v1/data.mdb"); }

    void make_data() const { make(data()); }

    /// The file that is locked while the data is opened, closed or replaced.
    ///
    /// Throws:         memo::error (configuration) where nothing can be written
    [[nodiscard]] file open_lock() const {
        try {
            return open_lock_file(path("open.lock"), mode_);
        } catch (disk_error const& failure) {
            refuse(root_, failure.code());
        }
    }

    /// There is nothing in it, and nothing may be made.
    [[noreturn]] void refuse_empty() const {
        throw error(errc::configuration,
                    "disk: " + root_ +
                        " holds no cache that could be read, and .read_only makes none");
    }

    /// Throws:         disk_error if it is there and cannot be read: to take that for no state would cost
    ///                 the whole cache
    [[nodiscard]] disk_state state() const {
        auto const text = read_text(path("state"));
        if (!text && errno != ENOENT) {
            file_failed("read", path("state"), errno);
        }
        disk_state now;
        std::istringstream lines(text.value_or(""));
        std::string word;
        while (lines >> word) {
            if (word == "boot") {
                lines >> now.boot;
            } else if (word == "dirty") {
                lines >> now.dirty;
            } else if (word == "map") {
                lines >> now.map;
            }
        }
        return now;
    }

    void set_state(disk_state const& state, bool synced) const {
        write_text(path("state"),
                   "memo 1\nboot " + state.boot + "\ndirty " + (state.dirty ? "1" : "0") +
                       "\nmap " + std::to_string(state.map) + "\n",
                   mode_, synced);
    }

    /// Moves the data out of the way, in the place of what was moved there before. Under open.lock.
    /// Gives the new place; empty if there was no data.
    [[nodiscard]] std::string set_aside() const {
        std::string bad = path("v1.bad.1");
        std::error_code ignored;
        if (!std::filesystem::exists(data(), ignored)) {
            return {};
        }
        std::filesystem::remove_all(bad, ignored);
        if (::rename(data().c_str(), bad.c_str()) != 0) {
            file_failed("set aside", data(), errno);
        }
        return bad;
    }

  private:
    static std::string absolute(std::string const& path) {
        if (path.find('\0') != std::string::npos) {
            throw error(errc::configuration, "disk: .directory has a zero byte in it");
        }
        if (path == "~" || path.starts_with("~/")) {
            throw error(errc::configuration,
                        "disk: .directory begins with ~, which only a shell replaces; give the "
                        "whole path, or none for the default one");
        }
        std::string clean = std::filesystem::absolute(path).lexically_normal().string();
        while (clean.size() > 1 && clean.ends_with('/')) {
            clean.pop_back();
        }
        return clean;
    }

    // Who can read the files can enter the directory.
    [[nodiscard]] unsigned directory_mode() const noexcept {
        return mode_ | ((mode_ & 0444U) >> 2U);
    }

    void make(std::string const& path) const {
        std::error_code failure;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
        if (::mkdir(path.c_str(), directory_mode()) == 0) {
            ::chmod(path.c_str(), directory_mode()); // whatever the umask took
        } else if (errno != EEXIST) {
            refuse(path, failure ? failure.value() : errno);
        } else if (!std::filesystem::is_directory(path, failure)) {
            refuse(path, ENOTDIR);
        }
    }

    [[noreturn]] static void refuse(std::string const& path, int code) {
        throw error(errc::configuration, "disk: cannot use directory " + path + ": " +
                                             std::generic_category().message(code) +
                                             "; give .directory one that can be made and written "
                                             "to");
    }

    void tag() const {
        constexpr std::string_view text =
            "Signature: 8a477f597d28d172789f06886806bc55\n"
            "# This file tells backup programs that what lies here can be computed again (memo).\n"
            "# See https://bford.info/cachedir/\n";
        file const made = try_open(path("CACHEDIR.TAG"), O_WRONLY | O_CREAT | O_EXCL, mode_);
        set_mode(made, mode_);
        if (made.is_open() && ::write(made.descriptor(), text.data(), text.size()) < 0) {
            ::unlink(path("CACHEDIR.TAG").c_str()); // a full disk; the next one makes it
        }
    }

    std::string root_;
    unsigned mode_ = 0600;
};

/// Which boot of the machine this is; empty where the kernel does not say.
[[nodiscard]] inline std::string this_boot() {
    std::string id = read_text("/proc/sys/kernel/random/boot_id").value_or("");
    id.erase(id.find_last_not_of('\n') + 1);
    return id;
}

} // namespace memo::detail
