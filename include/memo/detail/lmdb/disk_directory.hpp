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
//
// Who can write the directory is believed, and nobody else: see folder in file.hpp.

#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <system_error>
#include <vector>

namespace memo::detail {

/// Where the cache of a user lies by default.
/// The environment of a program with more rights than its caller is the caller's, and not asked.
/// Source: XDG Base Directory Specification 0.8; secure_getenv(3).
[[nodiscard]] inline std::string default_directory() {
    auto const variable = [](char const* name) { return ::secure_getenv(name); };
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

/// Which boot of the machine this is; empty where the kernel does not say.
[[nodiscard]] inline std::string this_boot() {
    std::string id = read_text(try_open("/proc/sys/kernel/random/boot_id", O_RDONLY)).value_or("");
    id.erase(id.find_last_not_of('\n') + 1);
    return id;
}

/// What `state` says of the data.
struct disk_state {
    std::string boot;      ///< in which boot of the machine it was last written
    bool dirty = false;    ///< whether pages may not have reached the disk
    std::uint64_t map = 0; ///< bytes of address space, the same for all processes; 0: not known
};

/// Whether a file that says so can have such a map: more than the first pages, whole pages, and not more
/// than any process has addresses for.
[[nodiscard]] constexpr bool is_plausible_map(std::uint64_t map) noexcept {
    constexpr std::uint64_t page = 4096;
    return map >= 4 * page && map % page == 0 && map <= std::uint64_t{1} << 56U;
}

class disk_directory {
  public:
    disk_directory() = default;

    /// Makes what is missing.
    ///
    /// Throws:         memo::error (configuration) for a directory that cannot be used
    explicit disk_directory(disk_settings const& settings)
        : root_(absolute(settings.directory.empty() ? default_directory() : settings.directory)),
          mode_(settings.mode),
          trust_{settings.mode & 0022U, settings.read_only} {
        if (!settings.read_only) {
            make(root_, nullptr);
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
        folder const checked = files();
        if (!settings.read_only) {
            tag(checked);
        }
    }

    [[nodiscard]] std::string const& root() const noexcept { return root_; }
    [[nodiscard]] unsigned mode() const noexcept { return mode_; }
    [[nodiscard]] std::string path(std::string_view name) const {
        return root_ + '/' + std::string(name);
    }
    [[nodiscard]] std::string data() const { return path("v1"); }
    [[nodiscard]] std::string data_file() const { return path("v1/data.mdb"); }

    /// The directory, opened.
    ///
    /// Throws:         memo::error (configuration) if it cannot be opened, or is not to be trusted
    [[nodiscard]] folder files() const {
        folder opened(root_, trust_);
        if (!opened.is_open()) {
            refuse(root_, errno);
        }
        return opened;
    }

    /// The one that the data lies in; not open, and errno says why, if that fails.
    [[nodiscard]] folder data_files() const {
        folder const root = files();
        return {data(), trust_, &root};
    }

    /// The same, made if it is missing.
    [[nodiscard]] folder make_data() const {
        folder const root = files();
        make(data(), &root);
        folder made(data(), trust_, &root);
        if (!made.is_open()) {
            refuse(data(), errno);
        }
        return made;
    }

    /// The file that is locked while the data is opened, closed or replaced. Not open where nothing is
    /// written and there is none.
    ///
    /// Throws:         memo::error (configuration) where nothing can be written
    [[nodiscard]] file open_lock() const {
        if (trust_.reads_only) {
            return files().try_open("open.lock", O_RDONLY);
        }
        try {
            return files().open_or_make("open.lock", O_RDWR, mode_);
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
        folder const root = files();
        file const opened = root.try_open("state", O_RDONLY);
        disk_state now;
        if (!opened.is_open() && errno == ENOENT) {
            return now;
        }
        auto const text = read_text(opened);
        if (!text) {
            file_failed("read", path("state"), errno);
        }
        std::istringstream lines(*text);
        lines.exceptions(std::ios::badbit); // no memory is no state either
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
        if (!is_plausible_map(now.map)) {
            now.map = 0;
        }
        return now;
    }

    void set_state(disk_state const& state, bool synced) const {
        write_text(files(), "state",
                   "memo 1\nboot " + state.boot + "\ndirty " + (state.dirty ? "1" : "0") +
                       "\nmap " + std::to_string(state.map) + "\n",
                   mode_, synced);
    }

    /// Moves the data out of the way, in the place of what was moved there before. Under open.lock.
    /// Gives the new place; empty if there was no data.
    [[nodiscard]] std::string set_aside() const {
        folder const root = files();
        std::string bad = path("v1.bad.1");
        std::error_code ignored;
        if (!std::filesystem::exists(std::filesystem::symlink_status(data(), ignored))) {
            return {};
        }
        std::filesystem::remove_all(bad, ignored); // a link itself, and none below is followed
        if (!root.rename("v1", "v1.bad.1")) {
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
        std::error_code failure;
        std::string clean = std::filesystem::absolute(path, failure).lexically_normal().string();
        if (failure) {
            throw error(errc::configuration,
                        "disk: .directory is relative to a working directory that is gone (" +
                            failure.message() + "); give the whole path");
        }
        while (clean.size() > 1 && clean.ends_with('/')) {
            clean.pop_back();
        }
        return clean;
    }

    // Who can read the files can enter the directory.
    [[nodiscard]] unsigned directory_mode() const noexcept {
        return mode_ | ((mode_ & 0444U) >> 2U);
    }

    // Files that are made in a directory with S_ISGID are of its group, and so is what is made below.
    void make(std::string const& path, folder const* parent) const {
        std::error_code failure;
        if (parent == nullptr) {
            std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
        }
        int const made_it =
            parent == nullptr
                ? ::mkdir(path.c_str(), directory_mode())
                : ::mkdirat(parent->opened().descriptor(),
                            path.substr(path.find_last_of('/') + 1).c_str(), directory_mode());
        if (made_it != 0) {
            if (errno != EEXIST) {
                refuse(path, failure ? failure.value() : errno);
            }
            if (!std::filesystem::is_directory(path, failure)) {
                refuse(path, ENOTDIR);
            }
            return;
        }
        file const made = try_open(path, O_RDONLY | O_DIRECTORY);
        struct stat now {};
        if (made.is_open() && ::fstat(made.descriptor(), &now) == 0) {
            ::fchmod(made.descriptor(), directory_mode() | (now.st_mode & S_ISGID)); // umask
        }
    }

    [[noreturn]] static void refuse(std::string const& path, int code) {
        throw error(errc::configuration, "disk: cannot use directory " + path + ": " +
                                             std::generic_category().message(code) +
                                             "; give .directory one that can be made and written "
                                             "to");
    }

    void tag(folder const& root) const {
        constexpr std::string_view text =
            "Signature: 8a477f597d28d172789f06886806bc55\n"
            "# This file tells backup programs that what lies here can be computed again (memo).\n"
            "# See https://bford.info/cachedir/\n";
        if (has_other_files()) {
            return; // backups must not miss them
        }
        file const made = root.make("CACHEDIR.TAG", O_WRONLY, mode_);
        if (!made.is_open()) {
            return; // it is there
        }
        set_mode(made, mode_);
        if (::write(made.descriptor(), text.data(), text.size()) < 0) {
            root.remove("CACHEDIR.TAG"); // a full disk; the next one makes it
        }
    }

    [[nodiscard]] bool has_other_files() const {
        constexpr std::array<std::string_view, 8> own{"CACHEDIR.TAG", "open.lock", "users.lock",
                                                      "state",        "state.new", "v1",
                                                      "v1.bad.1",     "v1.compact"};
        std::error_code failure;
        std::filesystem::directory_iterator each(root_, failure);
        for (; !failure && each != std::filesystem::directory_iterator(); each.increment(failure)) {
            if (std::ranges::find(own, each->path().filename().string()) == own.end()) {
                return true;
            }
        }
        return failure.value() != 0;
    }

    std::string root_;
    unsigned mode_ = 0600;
    directory_trust trust_;
};

/// The locks of this process on open.lock: a child after fork() closes its copies, which would keep the
/// locks for as long as it lives if its parent were killed.
struct directory_locks {
    detail::mutex mutex;
    std::vector<file*> held;
};

/// The right to open, close or replace the data of a directory, among processes and threads.
class directory_lock {
  public:
    /// max_wait        how long it waits
    /// Throws:         disk_error (ETIMEDOUT), memo::error (configuration)
    directory_lock(disk_directory const& directory, std::chrono::nanoseconds max_wait)
        : lock_(directory.open_lock()) {
        auto& all = process_wide<directory_locks>();
        {
            std::scoped_lock const listed(all.mutex);
            all.held.push_back(&lock_);
        }
        bool is_held = false;
        try {
            is_held = !lock_.is_open() ||
                      poll_for_lock([&] { return try_lock_file(lock_, LOCK_EX); }, max_wait);
        } catch (...) {
            give_back();
            throw;
        }
        if (!is_held) {
            give_back();
            lock_timed_out("open", directory.path("open.lock"));
        }
    }
    directory_lock(directory_lock const&) = delete;
    directory_lock& operator=(directory_lock const&) = delete;
    ~directory_lock() { give_back(); }

  private:
    void give_back() noexcept {
        if (lock_.is_ours()) {
            ::flock(lock_.descriptor(), LOCK_UN); // a child that was just forked has a copy
        }
        auto& all = process_wide<directory_locks>();
        std::scoped_lock const listed(all.mutex);
        std::erase(all.held, &lock_);
    }

    file lock_;
};

} // namespace memo::detail
