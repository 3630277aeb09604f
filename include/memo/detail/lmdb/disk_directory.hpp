// SPDX-License-Identifier: BSL-1.0
#pragma once

// The directory of a disk cache: its files, its state, and the replacement of damaged data.
//
//   CACHEDIR.TAG     makes backup programs skip the directory (bford.info/cachedir)
//   open.lock        locked while the files are opened, closed or replaced
//   users.lock       locked, shared, while the files are open
//   state            a disk_state
//   v1/              LMDB's data.mdb and lock.mdb, write.lock, flight.lock, clock
//   v1.bad.1/        damaged data that was set aside; the next replaces it
//
// Data that was written without waiting for the disk is complete as long as the machine runs: the
// kernel has the commits of killed processes. After a crash of the machine its pages may have
// different ages, which LMDB does not detect. So `state` stores the boot of the last write, and
// whether all pages have reached the disk since.
//
// The writers of the directory are trusted, see trusted_directory in file.hpp.

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
#include <dirent.h>
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

/// The default directory of the user's cache. Ignores the environment of a set-user-ID program: its
/// caller controls that.
/// Source: XDG Base Directory Specification 0.8; secure_getenv(3).
[[nodiscard]] inline std::string default_directory() {
    auto const variable = [](char const* name) { return ::secure_getenv(name); };
    if (auto const* cache = variable("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
        return std::string(cache) + "/memo";
    }
    if (auto const* home = variable("HOME"); home != nullptr && *home != '\0') {
        return std::string(home) + "/.cache/memo";
    }
    throw error(errc::configuration, "disk: neither XDG_CACHE_HOME nor HOME is set, so there is no "
                                     "default directory; set .directory");
}

/// Whether other machines may share the files of a file system, so that locks and shared memory do
/// not work. Includes FUSE because of sshfs.
/// Source: statfs(2); linux/magic.h.
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

/// The id of the current boot of the machine; empty if the kernel provides none.
[[nodiscard]] inline std::string this_boot() {
    std::string id = read_text(try_open("/proc/sys/kernel/random/boot_id", O_RDONLY)).value_or("");
    id.erase(id.find_last_not_of('\n') + 1);
    return id;
}

/// The content of the file `state`.
struct disk_state {
    std::string boot;           ///< boot of the last write
    bool dirty = false;         ///< whether pages may not have reached the disk
    std::uint64_t map_size = 0; ///< bytes of address space, the same in all processes; 0: unknown
};

/// Whether a map size is possible: whole pages, more than the first ones, and within the address
/// space of a process.
[[nodiscard]] constexpr bool is_plausible_map_size(std::uint64_t map_size) noexcept {
    constexpr std::uint64_t page = 4096;
    return map_size >= 4 * page && map_size % page == 0 && map_size <= std::uint64_t{1} << 56U;
}

class disk_directory {
  public:
    disk_directory() = default;

    /// The absolute path of the directory in the current working directory and environment.
    ///
    /// Throws:         memo::error (configuration) if there is none
    [[nodiscard]] static std::string path_of(disk_settings const& settings) {
        return absolute(settings.directory.empty() ? default_directory() : settings.directory);
    }

    /// Creates the directory if it is missing, unless it is read-only.
    ///
    /// Throws:         memo::error (configuration) for an unusable directory
    explicit disk_directory(disk_settings const& settings)
        : root_(path_of(settings)),
          mode_(settings.mode),
          trust_{settings.mode & 0022U, settings.read_only} {
        if (!settings.read_only) {
            create(root_, nullptr);
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
                            "do not work between machines; set a local .directory, use the "
                            "memcached backend, or set .allow_network_fs if only one machine "
                            "mounts it");
        }
        trusted_directory const root = open_root();
        if (!settings.read_only) {
            write_tag(root);
        }
    }

    [[nodiscard]] std::string const& root() const noexcept { return root_; }
    [[nodiscard]] unsigned mode() const noexcept { return mode_; }
    [[nodiscard]] std::string path(std::string_view name) const {
        return root_ + '/' + std::string(name);
    }
    [[nodiscard]] std::string data() const { return path("v1"); }
    [[nodiscard]] std::string data_file() const { return path("v1/data.mdb"); }

    /// Throws:         memo::error (configuration) if the directory cannot be opened, or is not
    ///                 trusted
    [[nodiscard]] trusted_directory open_root() const {
        trusted_directory opened(root_, trust_);
        if (!opened.is_open()) {
            refuse(root_, errno);
        }
        return opened;
    }

    /// Opens the directory of the data. On failure it is not open, and errno is set.
    [[nodiscard]] trusted_directory open_data() const {
        trusted_directory const root = open_root();
        return {data(), trust_, &root};
    }

    /// Opens the directory of the data, and creates it if it is missing.
    [[nodiscard]] trusted_directory create_data() const {
        trusted_directory const root = open_root();
        create(data(), &root);
        trusted_directory opened(data(), trust_, &root);
        if (!opened.is_open()) {
            refuse(data(), errno);
        }
        return opened;
    }

    /// Opens open.lock, and creates it unless the directory is read-only; then it may be missing.
    ///
    /// Throws:         memo::error (configuration) if the directory cannot be written
    [[nodiscard]] file open_lock_file() const {
        if (trust_.read_only) {
            return open_root().try_open("open.lock", O_RDONLY);
        }
        try {
            return open_root().open_or_create("open.lock", O_RDWR, mode_);
        } catch (disk_error const& failure) {
            refuse(root_, failure.code());
        }
    }

    /// Throws the error for a read-only directory without data.
    [[noreturn]] void refuse_empty() const {
        throw error(errc::configuration,
                    "disk: " + root_ +
                        " holds no cache, and .read_only creates none; check .directory");
    }

    /// Reads `state`; a default value if it is missing.
    ///
    /// Throws:         disk_error if it cannot be read: a default value would lose the whole cache
    [[nodiscard]] disk_state state() const {
        trusted_directory const root = open_root();
        file const opened = root.try_open("state", O_RDONLY);
        disk_state state;
        if (!opened.is_open() && errno == ENOENT) {
            return state;
        }
        auto const text = read_text(opened);
        if (!text) {
            throw_file_error("read", path("state"), errno);
        }
        std::istringstream lines(*text);
        lines.exceptions(std::ios::badbit); // throw if there is no memory
        std::string word;
        while (lines >> word) {
            if (word == "boot") {
                lines >> state.boot;
            } else if (word == "dirty") {
                lines >> state.dirty;
            } else if (word == "map") {
                lines >> state.map_size;
            }
        }
        if (!is_plausible_map_size(state.map_size)) {
            state.map_size = 0;
        }
        return state;
    }

    void set_state(disk_state const& state, bool sync) const {
        write_text(open_root(), "state",
                   "memo 1\nboot " + state.boot + "\ndirty " + (state.dirty ? "1" : "0") +
                       "\nmap " + std::to_string(state.map_size) + "\n",
                   mode_, sync);
    }

    /// Renames the data, and deletes data that was set aside before. Callers hold open.lock.
    /// Returns the new path; empty if there was no data.
    [[nodiscard]] std::string set_aside() const {
        trusted_directory const root = open_root();
        std::string new_path = path("v1.bad.1");
        std::error_code ignored;
        if (!std::filesystem::exists(std::filesystem::symlink_status(data(), ignored))) {
            return {};
        }
        std::filesystem::remove_all(new_path, ignored); // follows no links
        if (!root.rename("v1", "v1.bad.1")) {
            throw_file_error("set aside", data(), errno);
        }
        return new_path;
    }

  private:
    static std::string absolute(std::string const& path) {
        if (path.find('\0') != std::string::npos) {
            throw error(errc::configuration, "disk: .directory contains a zero byte; remove it");
        }
        if (path == "~" || path.starts_with("~/")) {
            throw error(errc::configuration,
                        "disk: .directory begins with ~, which only a shell expands; set the full "
                        "path, or none for the default directory");
        }
        std::error_code failure;
        std::string clean = std::filesystem::absolute(path, failure).lexically_normal().string();
        if (failure) {
            throw error(errc::configuration,
                        "disk: .directory is relative to a working directory that was removed (" +
                            failure.message() + "); set the full path");
        }
        while (clean.size() > 1 && clean.ends_with('/')) {
            clean.pop_back();
        }
        return clean;
    }

    // Users that may read the files may enter the directory.
    [[nodiscard]] unsigned directory_mode() const noexcept {
        return mode_ | ((mode_ & 0444U) >> 2U);
    }

    // Keeps S_ISGID, by which new files inherit the group of the directory.
    void create(std::string const& path, trusted_directory const* parent) const {
        std::error_code failure;
        if (parent == nullptr) {
            std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
        }
        int const result =
            parent == nullptr
                ? ::mkdir(path.c_str(), directory_mode())
                : ::mkdirat(parent->handle().descriptor(),
                            path.substr(path.find_last_of('/') + 1).c_str(), directory_mode());
        if (result != 0) {
            if (errno != EEXIST) {
                refuse(path, failure ? failure.value() : errno);
            }
            if (!std::filesystem::is_directory(path, failure)) {
                refuse(path, ENOTDIR);
            }
            return;
        }
        file const created = try_open(path, O_RDONLY | O_DIRECTORY);
        struct stat status {};
        if (created.is_open() && ::fstat(created.descriptor(), &status) == 0) {
            ::fchmod(created.descriptor(), directory_mode() | (status.st_mode & S_ISGID)); // umask
        }
    }

    [[noreturn]] static void refuse(std::string const& path, int code) {
        throw error(errc::configuration, "disk: cannot use directory " + path + ": " +
                                             std::generic_category().message(code) +
                                             "; set .directory to one that can be created and "
                                             "written");
    }

    void write_tag(trusted_directory const& root) const {
        constexpr std::string_view text =
            "Signature: 8a477f597d28d172789f06886806bc55\n"
            "# This file tells backup programs that what lies here can be computed again (memo).\n"
            "# See https://bford.info/cachedir/\n";
        if (has_other_files()) {
            return; // backups must not skip them
        }
        file const created = root.create("CACHEDIR.TAG", O_WRONLY, mode_);
        if (!created.is_open()) {
            return; // it exists
        }
        set_mode(created, mode_);
        if (::write(created.descriptor(), text.data(), text.size()) < 0) {
            root.remove("CACHEDIR.TAG"); // a full disk; the next process writes it
        }
    }

    // Not by std::filesystem::directory_iterator: libstdc++'s ends the process if it has no memory.
    [[nodiscard]] bool has_other_files() const {
        constexpr std::array<std::string_view, 10> own{
            ".",     "..",        "CACHEDIR.TAG", "open.lock", "users.lock",
            "state", "state.new", "v1",           "v1.bad.1",  "v1.compact"};
        DIR* const entries = ::opendir(root_.c_str());
        if (entries == nullptr) {
            return true;
        }
        bool has_others = false;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread uses this stream
        while (dirent const* const entry = ::readdir(entries)) {
            has_others =
                has_others || std::ranges::find(own, std::string_view(entry->d_name)) == own.end();
        }
        ::closedir(entries);
        return has_others;
    }

    std::string root_;
    unsigned mode_ = 0600;
    directory_trust trust_;
};

/// The locks of this process on open.lock. A child after fork() closes its copies: if the parent is
/// killed, they would keep the directory locked.
struct directory_locks {
    detail::mutex mutex;
    std::vector<file*> files;
};

/// The exclusive lock to open, close or replace the data of a directory, among processes and
/// threads.
class directory_lock {
  public:
    /// Throws:         disk_error (ETIMEDOUT) after max_wait, memo::error (configuration)
    directory_lock(disk_directory const& directory, std::chrono::nanoseconds max_wait)
        : lock_(directory.open_lock_file()) {
        auto& all = process_wide<directory_locks>();
        {
            std::scoped_lock const guard(all.mutex);
            all.files.push_back(&lock_);
        }
        bool is_locked = false;
        try {
            is_locked = !lock_.is_open() ||
                        poll_for_lock([&] { return try_lock_file(lock_, LOCK_EX); }, max_wait);
        } catch (...) {
            release();
            throw;
        }
        if (!is_locked) {
            release();
            throw_lock_timeout("open", directory.path("open.lock"));
        }
    }
    directory_lock(directory_lock const&) = delete;
    directory_lock& operator=(directory_lock const&) = delete;
    ~directory_lock() { release(); }

  private:
    void release() noexcept {
        if (lock_.is_valid()) {
            ::flock(lock_.descriptor(), LOCK_UN); // a child after fork() has a copy
        }
        auto& all = process_wide<directory_locks>();
        std::scoped_lock const guard(all.mutex);
        std::erase(all.files, &lock_);
    }

    file lock_;
};

} // namespace memo::detail
