// SPDX-License-Identifier: BSL-1.0
#pragma once

// Linux files and their locks.
//
// A file is opened by its name in an open, trusted directory, never through a link or as a FIFO,
// and is checked before it is written, grown or chmodded: a user who can replace a file by a link
// must not make this process overwrite other files.
//
// Locks belong to open file descriptions, so the kernel releases them when the owner ends for any
// reason. The wait for an owner that is alive but stopped is bounded.
//
// Source: open(2), "O_NOFOLLOW"; fcntl(2), "Open file description locks"; flock(2).

#include <memo/detail/system/cancellation.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <optional>
#include <pthread.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace memo::detail {

/// An operation on a file or on LMDB's data failed.
class disk_error : public error {
  public:
    /// code            errno, or a code of LMDB
    disk_error(std::string const& what, int code) : error(errc::backend, what), code_(code) {}
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

[[noreturn]] inline void throw_file_error(std::string const& verb, std::string const& path,
                                          int code) {
    throw disk_error("disk " + verb + ": " + path + ": " + std::generic_category().message(code),
                     code);
}

/// Identifies a file of the machine.
struct file_identity {
    dev_t device = 0;
    ino_t number = 0;
    friend auto operator<=>(file_identity const&, file_identity const&) = default;
};

/// Source: makedev(3), glibc and musl; its header defines macros named major and minor.
[[nodiscard]] constexpr dev_t device_of(std::uint32_t major_number,
                                        std::uint32_t minor_number) noexcept {
    return (dev_t{major_number & 0xfffU} << 8U) | (dev_t{major_number & ~0xfffU} << 32U) |
           dev_t{minor_number & 0xffU} | (dev_t{minor_number & ~0xffU} << 12U);
}

// Not fstat(2): it queries timestamps, so that the next write updates them in the inode, and a put
// takes a tenth longer. The thread sanitizer also treats it as a use of the file, which another
// thread may close.
[[nodiscard]] inline std::optional<file_identity> identity_of_descriptor(int descriptor) noexcept {
    struct statx extended {};
    if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_INO, &extended) == 0) {
        return file_identity{device_of(extended.stx_dev_major, extended.stx_dev_minor),
                             extended.stx_ino};
    }
    struct stat status {};
    if ((errno != ENOSYS && errno != EPERM) || // else a sandbox refuses statx(2)
        ::fstatat(descriptor, "", &status, AT_EMPTY_PATH) != 0) {
        return std::nullopt;
    }
    return file_identity{status.st_dev, status.st_ino};
}

/// The identity and length of the file at a path.
struct file_length {
    std::optional<file_identity> identity; ///< nothing: the file is missing or inaccessible
    std::uint64_t bytes = 0;
    bool is_gone = false;
};

[[nodiscard]] inline file_length length_of_file(std::string const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return {std::nullopt, 0, errno == ENOENT || errno == ENOTDIR};
    }
    return {file_identity{status.st_dev, status.st_ino}, static_cast<std::uint64_t>(status.st_size),
            false};
}

[[nodiscard]] inline std::optional<file_identity> identity_of_file(std::string const& path) {
    return length_of_file(path).identity;
}

/// A monotonic clock in ns with a resolution of a few ms. A call takes 5 ns.
[[nodiscard]] inline std::int64_t coarse_ticks() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}
[[nodiscard]] inline std::int64_t coarse_seconds() noexcept {
    return coarse_ticks() / 1'000'000'000;
}

/// Whether the process has a limit for the size of a file (ulimit -f). Checked once per tick.
[[nodiscard]] inline bool has_size_limit() noexcept {
    static std::atomic<std::int64_t> unlimited_at{-1};
    std::int64_t const now = coarse_ticks();
    if (unlimited_at.load(std::memory_order_relaxed) == now) {
        return false;
    }
    rlimit limit{};
    bool const has = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    unlimited_at.store(has ? -1 : now, std::memory_order_relaxed);
    return has;
}

/// Blocks cancellation and SIGXFSZ in the current thread during its lifetime. By default the signal
/// ends the process; blocked, a write beyond the limit of the process (ulimit -f) fails like one to
/// a full disk.
///
/// Source: setrlimit(2), RLIMIT_FSIZE.
class interruption_guard {
  public:
    interruption_guard() noexcept {
        if (has_size_limit()) {
            sigset_t signal = file_size_signal();
            sigset_t pending{};
            ::sigpending(&pending);
            was_pending_ = ::sigismember(&pending, SIGXFSZ) == 1;
            is_blocked_ = ::pthread_sigmask(SIG_BLOCK, &signal, &old_mask_) == 0;
        }
    }
    interruption_guard(interruption_guard const&) = delete;
    interruption_guard& operator=(interruption_guard const&) = delete;
    ~interruption_guard() {
        if (is_blocked_) {
            sigset_t const signal = file_size_signal();
            timespec const at_once{};
            if (!was_pending_) {
                ::sigtimedwait(&signal, nullptr, &at_once);
            }
            ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
        }
    }

  private:
    static sigset_t file_size_signal() noexcept {
        sigset_t signal{};
        ::sigemptyset(&signal);
        ::sigaddset(&signal, SIGXFSZ);
        return signal;
    }

    not_cancelled const not_cancelled_{};
    sigset_t old_mask_{};
    bool was_pending_ = false;
    bool is_blocked_ = false;
};

/// An open file, closed by the destructor. A program may close all descriptors, as daemons do, and
/// reuse their numbers for files of its own: these are not closed.
class file {
  public:
    file() = default;
    explicit file(int descriptor) noexcept : descriptor_(descriptor) {
        if (is_open()) {
            identity_ = identity_of_descriptor(descriptor).value_or(file_identity{});
        }
    }
    file(file&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), identity_(other.identity_) {}
    file& operator=(file&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(identity_, other.identity_);
        checked_at_ = -1;
        other.checked_at_ = -1;
        return *this;
    }
    file(file const&) = delete;
    file& operator=(file const&) = delete;
    ~file() { close(); }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] file_identity identity() const noexcept { return identity_; }
    /// Whether the descriptor still refers to the file that was opened.
    [[nodiscard]] bool is_valid() const noexcept {
        return is_open() && identity_of_descriptor(descriptor_) == identity_;
    }
    /// Like is_valid(), but checks only once per tick of the coarse clock: for a file that is
    /// locked and never written.
    [[nodiscard]] bool was_valid_this_tick() const noexcept {
        std::int64_t const now = coarse_ticks();
        if (checked_at_.load(std::memory_order_relaxed) == now) {
            return is_open();
        }
        bool const valid = is_valid();
        checked_at_.store(valid ? now : -1, std::memory_order_relaxed);
        return valid;
    }

    void close() noexcept {
        if (is_valid()) {
            ::close(descriptor_);
        }
        descriptor_ = -1;
    }

  private:
    int descriptor_ = -1;
    file_identity identity_;
    mutable std::atomic<std::int64_t> checked_at_{-1}; ///< see was_valid_this_tick
};

/// Flags of every open(2).
inline constexpr int open_safely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/// Opens a file by its path. On failure the result is not open, and errno is set.
[[nodiscard]] inline file try_open(std::string const& path, int flags) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): signature of open(2)
    return file(::open(path.c_str(), flags | open_safely));
}

[[nodiscard]] inline file open_file(std::string const& path, int flags) {
    file opened = try_open(path, flags);
    if (!opened.is_open()) {
        throw_file_error("open", path, errno);
    }
    return opened;
}

/// Sets the mode of a file if this user owns it, independent of the umask.
inline void set_mode(file const& opened, unsigned mode) noexcept {
    struct stat status {};
    if (::fstat(opened.descriptor(), &status) == 0 && (status.st_mode & 0777U) != mode &&
        status.st_uid == ::geteuid()) {
        ::fchmod(opened.descriptor(), mode);
    }
}

/// Allocates room on the disk for the first bytes of a file; does not change its length. False, and
/// sets errno, if there is no room; true if the file system cannot allocate.
[[nodiscard]] inline bool allocate(file const& opened, std::uint64_t bytes) noexcept {
    int result = 0;
    do {
        result =
            ::fallocate(opened.descriptor(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
    } while (result != 0 && errno == EINTR);
    return result == 0 || (errno != ENOSPC && errno != EDQUOT);
}

/// The trust in a directory: its writers can give any values to all users of the cache.
struct directory_trust {
    unsigned writers = 0;   ///< of 0022: other users that may write the directory
    bool read_only = false; ///< nothing is written, so anybody may own the directory
};

/// An open directory that only trusted users can write.
class trusted_directory {
  public:
    /// On failure the directory is not open, and errno is set.
    ///
    /// parent          opens the last component of the path in this directory, and refuses a link
    /// Throws:         memo::error (configuration) if untrusted users own it or can write it
    trusted_directory(std::string path, directory_trust trust,
                      trusted_directory const* parent = nullptr)
        : path_(std::move(path)), trust_(trust) {
        int const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): signature of open(2)
        handle_ = parent == nullptr
                      ? file(::open(path_.c_str(), flags))
                      : file(::openat(parent->handle_.descriptor(),
                                      path_.substr(path_.find_last_of('/') + 1).c_str(),
                                      flags | O_NOFOLLOW));
        // NOLINTEND(cppcoreguidelines-pro-type-vararg)
        if (!handle_.is_open()) {
            return;
        }
        struct stat status {};
        if (::fstat(handle_.descriptor(), &status) != 0) {
            throw_file_error("open", path_, errno);
        }
        owner_ = status.st_uid;
        require_trust(status, parent != nullptr);
    }

    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    [[nodiscard]] file const& handle() const noexcept { return handle_; }
    [[nodiscard]] std::string path(std::string const& name) const { return path_ + '/' + name; }
    /// A path that leads to this directory even after renames; without /proc, the original path.
    [[nodiscard]] std::string stable_path() const {
        std::string link = "/proc/self/fd/" + std::to_string(handle_.descriptor());
        return identity_of_file(link) == handle_.identity() ? link : path_;
    }

    /// Opens an existing file. On failure the result is not open, and errno is set.
    ///
    /// Throws:         memo::error (configuration) for a file that cannot belong to a cache
    [[nodiscard]] file try_open(std::string const& name, int flags) const {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): signature of openat(2)
        file found(::openat(handle_.descriptor(), name.c_str(), flags | open_safely));
        if (found.is_open()) {
            struct stat status {};
            if (::fstat(found.descriptor(), &status) != 0) {
                throw_file_error("open", path(name), errno);
            }
            require_trusted_file(name, status);
        } else if (errno == ELOOP || errno == ENXIO) { // a link; a FIFO without readers
            refuse(name, "is not a regular file");
        }
        return found;
    }

    /// Opens a file, and creates it if it is missing, with the mode independent of the umask.
    ///
    /// Throws:         disk_error; memo::error (configuration) for a file that cannot belong to a
    ///                 cache
    [[nodiscard]] file open_or_create(std::string const& name, int flags, unsigned mode) const {
        constexpr int attempts = 100; // others may create and remove the file concurrently
        for (int attempt = 0; attempt < attempts; ++attempt) {
            file found = try_open(name, flags);
            if (!found.is_open() && errno == ENOENT) {
                found = create(name, flags, mode);
            }
            if (found.is_open()) {
                set_mode(found, mode);
                return found;
            }
            if (errno != EEXIST) {
                break;
            }
        }
        throw_file_error("open", path(name), errno);
    }

    /// Creates a file. On failure, and if the name exists, the result is not open, and errno is
    /// set.
    [[nodiscard]] file create(std::string const& name, int flags, unsigned mode) const {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): signature of openat(2)
        return file(::openat(handle_.descriptor(), name.c_str(),
                             flags | O_CREAT | O_EXCL | open_safely, mode));
    }

    /// Creates a file that LMDB opens by its name. Never opens an existing file: closing it would
    /// release LMDB's locks of this process.
    ///
    /// room            bytes to allocate on the disk
    void create_if_missing(std::string const& name, unsigned mode, std::uint64_t room) const {
        while (!identity_of(name)) {
            file const created = create(name, O_RDWR, mode);
            if (created.is_open()) {
                set_mode(created, mode);
                if (room != 0 && !allocate(created, room)) {
                    int const code = errno;
                    remove(name);
                    throw_file_error("open", path(name), code);
                }
            } else if (errno != EEXIST) {
                throw_file_error("open", path(name), errno);
            }
        }
    }

    /// The identity of a file; nothing if it is missing.
    ///
    /// Throws:         memo::error (configuration) for a file that cannot belong to a cache
    [[nodiscard]] std::optional<file_identity> identity_of(std::string const& name) const {
        struct stat status {};
        if (::fstatat(handle_.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return std::nullopt;
        }
        require_trusted_file(name, status);
        return file_identity{status.st_dev, status.st_ino};
    }

    void remove(std::string const& name) const noexcept {
        ::unlinkat(handle_.descriptor(), name.c_str(), 0);
    }

    /// False on failure, and errno is set.
    [[nodiscard]] bool rename(std::string const& from, std::string const& to) const noexcept {
        return ::renameat(handle_.descriptor(), from.c_str(), handle_.descriptor(), to.c_str()) ==
               0;
    }

  private:
    void require_trust(struct stat const& status, bool has_parent) const {
        unsigned const writers = status.st_mode & 0022U;
        unsigned const others = writers & ~(trust_.writers | (trust_.read_only ? 0020U : 0U));
        if (others != 0) {
            bool const has_cache =
                has_parent || ::faccessat(handle_.descriptor(), "v1", F_OK, 0) == 0;
            bool const is_everybody = (others & 0002U) != 0;
            std::string const command =
                (is_everybody ? "run: chmod o-w " : "run: chmod g-w ") + path_ +
                ", or set another .directory; to share a cache in a group, set .mode = 0660";
            throw error(errc::configuration,
                        "disk: " + path_ + " can be written by " +
                            (is_everybody ? "everybody" : "its group") +
                            ", so that other users can change the values of this program; " +
                            (has_cache || !is_everybody
                                 ? command
                                 : "set .directory to one of its own, such as " + path("memo")));
        }
        bool const is_trusted = status.st_uid == ::geteuid() || status.st_uid == 0 ||
                                (writers & 0002U) != 0 ||
                                ((writers & 0020U) != 0 && is_in_group(status.st_gid));
        if (!trust_.read_only && !is_trusted) {
            throw error(errc::configuration,
                        "disk: " + path_ + " belongs to user " + std::to_string(status.st_uid) +
                            ", and this program runs as user " + std::to_string(::geteuid()) +
                            ": its owner can change the values of this program; set another "
                            ".directory, run as its owner, or set .read_only; to share a cache in "
                            "a group, set .mode = 0660");
        }
    }

    void require_trusted_file(std::string const& name, struct stat const& status) const {
        if (!S_ISREG(status.st_mode)) {
            refuse(name, "is not a regular file");
        }
        if (status.st_nlink > 1) {
            refuse(name, "has another hard link");
        }
        bool const is_trusted = trust_.read_only || trust_.writers != 0 ||
                                status.st_uid == ::geteuid() || status.st_uid == owner_ ||
                                status.st_uid == 0;
        if (!is_trusted) {
            refuse(name, "belongs to user " + std::to_string(status.st_uid));
        }
    }

    [[noreturn]] void refuse(std::string const& name, std::string const& why) const {
        throw error(errc::configuration, "disk: " + path(name) + ' ' + why +
                                             ", so it does not belong to the cache; remove it, or "
                                             "set another .directory");
    }

    [[nodiscard]] static bool is_in_group(gid_t group) {
        std::vector<gid_t> groups(static_cast<std::size_t>((std::max)(0, ::getgroups(0, nullptr))));
        int const count = ::getgroups(static_cast<int>(groups.size()), groups.data());
        groups.resize(static_cast<std::size_t>((std::max)(0, count)));
        return group == ::getegid() || std::ranges::find(groups, group) != groups.end();
    }

    std::string path_;
    directory_trust trust_;
    file handle_;
    uid_t owner_ = 0;
};

/// Repeats try_lock() until it succeeds: waits for file locks have no timeout. Each pause is a
/// sixteenth of the elapsed time, so that the total wait is little longer than necessary.
///
/// max_pause       0.05 ms or more
/// Returns:        false after max_wait; 0: a single try
template <class Try>
bool poll_for_lock(Try const& try_lock, std::chrono::nanoseconds max_wait,
                   std::chrono::nanoseconds max_pause = std::chrono::milliseconds(20)) {
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::nanoseconds yield_time = std::chrono::microseconds(100);
    constexpr std::chrono::nanoseconds min_pause = std::chrono::microseconds(50);
    if (try_lock()) [[likely]] {
        return true;
    }
    auto const begin = clock::now();
    while (true) {
        std::chrono::nanoseconds const waited = clock::now() - begin;
        if (waited >= max_wait) {
            return false;
        }
        if (waited < yield_time) {
            std::this_thread::yield();
        } else {
            auto const longest = (std::min)(max_pause, (std::max)(min_pause, max_wait - waited));
            std::this_thread::sleep_for(std::clamp(waited / 16, min_pause, longest));
        }
        if (try_lock()) {
            return true;
        }
    }
}

[[noreturn]] inline void throw_lock_timeout(std::string const& verb, std::string const& path) {
    throw disk_error("disk " + verb + ": " + path +
                         " is locked by a process that makes no progress: it is stopped, or waits "
                         "for the disk; end or resume it (fuser -v lists it)",
                     ETIMEDOUT);
}

/// Calls lock(), a system call that does not block, again if a signal interrupts it. False if
/// another owner has the lock.
template <class Lock> bool try_lock_interruptible(Lock const& lock) {
    while (lock() != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            return false;
        }
        if (errno != EINTR) {
            throw_file_error("lock", "a lock file", errno);
        }
    }
    return true;
}

/// Locks a whole file. False if another owner has a conflicting lock.
///
/// kind            LOCK_SH or LOCK_EX
[[nodiscard]] inline bool try_lock_file(file const& locked, int kind) {
    return try_lock_interruptible([&] { return ::flock(locked.descriptor(), kind | LOCK_NB); });
}

/// Locks or unlocks one byte of a file. False if another owner has it.
///
/// kind            F_WRLCK or F_UNLCK
inline bool lock_byte(file const& locked, short kind, std::int64_t offset) {
    struct flock range {};
    range.l_type = kind;
    range.l_whence = SEEK_SET;
    range.l_start = offset;
    range.l_len = 1;
    // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): signature of fcntl(2)
    return try_lock_interruptible(
        [&] { return ::fcntl(locked.descriptor(), F_OFD_SETLK, &range); });
    // NOLINTEND(cppcoreguidelines-pro-type-vararg)
}

/// Whether another owner has a byte of a file locked.
[[nodiscard]] inline bool is_byte_locked(file const& tested, std::int64_t offset) noexcept {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = offset;
    range.l_len = 1;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): signature of fcntl(2)
    return ::fcntl(tested.descriptor(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

/// The text of a small open file; nothing on failure, and errno is set.
[[nodiscard]] inline std::optional<std::string> read_text(file const& opened) {
    if (!opened.is_open()) {
        return std::nullopt;
    }
    std::string text(4096, '\0');
    auto const size = ::read(opened.descriptor(), text.data(), text.size());
    if (size < 0) {
        return std::nullopt;
    }
    text.resize(static_cast<std::size_t>(size));
    return text;
}

/// Replaces a small file atomically; keeps its group. Precondition: no concurrent call.
///
/// sync            whether the file must survive a power cut
inline void write_text(trusted_directory const& directory, std::string const& name,
                       std::string_view text, unsigned mode, bool sync) {
    std::string const fresh = name + ".new";
    {
        directory.remove(fresh); // from a process that was killed
        file const opened = directory.create(fresh, O_WRONLY, mode);
        if (!opened.is_open()) {
            throw_file_error("open", directory.path(fresh), errno);
        }
        ::fchmod(opened.descriptor(), mode);
        struct stat old_status {};
        if (file const old = directory.try_open(name, O_RDONLY);
            old.is_open() && ::fstat(old.descriptor(), &old_status) == 0) {
            // Fails if this user is not in the group.
            [[maybe_unused]] int const result =
                ::fchown(opened.descriptor(), static_cast<uid_t>(-1), old_status.st_gid);
        }
        if (::write(opened.descriptor(), text.data(), text.size()) !=
            static_cast<ssize_t>(text.size())) {
            throw_file_error("write", directory.path(fresh), errno != 0 ? errno : ENOSPC);
        }
        if (sync && ::fdatasync(opened.descriptor()) != 0) {
            throw_file_error("sync", directory.path(fresh), errno);
        }
    }
    if (!directory.rename(fresh, name)) {
        throw_file_error("rename", directory.path(fresh), errno);
    }
    if (sync) {
        ::fsync(directory.handle().descriptor());
    }
}

} // namespace memo::detail
