// SPDX-License-Identifier: BSL-1.0
#pragma once

// Linux files and their locks.
//
// A file is opened by its name in an open, checked directory, never through a link and never as a FIFO, and
// is checked before it is written, grown or given a mode: a user who can replace a file by a link must not
// choose which file of ours is overwritten.
//
// Locks belong to open file descriptions, so the kernel ends them with their owner, however it ends. The wait
// for an owner that is alive but stopped is bounded.
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

[[noreturn]] inline void file_failed(std::string const& verb, std::string const& path, int code) {
    throw disk_error("disk " + verb + ": " + path + ": " + std::generic_category().message(code),
                     code);
}

/// Which file a path or a descriptor leads to.
struct file_identity {
    dev_t device = 0;
    ino_t number = 0;
    friend auto operator<=>(file_identity const&, file_identity const&) = default;
};

[[nodiscard]] inline std::optional<file_identity> identity_of_file(std::string const& path) {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0) {
        return std::nullopt;
    }
    return file_identity{now.st_dev, now.st_ino};
}

/// Source: makedev(3), glibc and musl; its header defines macros named major and minor.
[[nodiscard]] constexpr dev_t device_of(std::uint32_t major_number,
                                        std::uint32_t minor_number) noexcept {
    return (dev_t{major_number & 0xfffU} << 8U) | (dev_t{major_number & ~0xfffU} << 32U) |
           dev_t{minor_number & 0xffU} | (dev_t{minor_number & ~0xffU} << 12U);
}

// Asks for no times: after fstat(2) the next write stores new ones in the inode, and a put takes a
// tenth longer. Another thread may be closing the descriptor: the thread sanitizer takes fstat(2) for a use
// of the file.
[[nodiscard]] inline std::optional<file_identity> identity_of_descriptor(int descriptor) noexcept {
    struct statx now {};
    if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_INO, &now) == 0) {
        return file_identity{device_of(now.stx_dev_major, now.stx_dev_minor), now.stx_ino};
    }
    struct stat status {};
    if ((errno != ENOSYS && errno != EPERM) || // a sandbox that does not know statx(2)
        ::fstatat(descriptor, "", &status, AT_EMPTY_PATH) != 0) {
        return std::nullopt;
    }
    return file_identity{status.st_dev, status.st_ino};
}

/// Which file a path leads to, and how long it is.
struct file_length {
    std::optional<file_identity> identity; ///< nothing: it is gone, or cannot be seen
    std::uint64_t bytes = 0;
    bool is_gone = false;
};

[[nodiscard]] inline file_length length_of_file(std::string const& path) {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0) {
        return {std::nullopt, 0, errno == ENOENT || errno == ENOTDIR};
    }
    return {file_identity{now.st_dev, now.st_ino}, static_cast<std::uint64_t>(now.st_size), false};
}

/// Seconds that only go forward, to a few ms, for 5 ns.
[[nodiscard]] inline std::int64_t coarse_seconds() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

/// The same clock in ns: it goes on every few ms.
[[nodiscard]] inline std::int64_t coarse_ticks() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// Whether the process has a limit for the size of a file (ulimit -f). Asked once a tick.
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

/// While one lives, its thread is neither cancelled nor sent SIGXFSZ, which ends a process: a write
/// beyond the limit of the process (ulimit -f) is an error like one to a full disk.
///
/// Source: setrlimit(2), RLIMIT_FSIZE.
class undisturbed {
  public:
    undisturbed() noexcept {
        if (has_size_limit()) {
            sigset_t signal = too_large();
            sigset_t pending{};
            ::sigpending(&pending);
            was_pending_ = ::sigismember(&pending, SIGXFSZ) == 1;
            blocks_ = ::pthread_sigmask(SIG_BLOCK, &signal, &before_) == 0;
        }
    }
    undisturbed(undisturbed const&) = delete;
    undisturbed& operator=(undisturbed const&) = delete;
    ~undisturbed() {
        if (blocks_) {
            sigset_t const signal = too_large();
            timespec const at_once{};
            if (!was_pending_) {
                ::sigtimedwait(&signal, nullptr, &at_once);
            }
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }
    }

  private:
    static sigset_t too_large() noexcept {
        sigset_t signal{};
        ::sigemptyset(&signal);
        ::sigaddset(&signal, SIGXFSZ);
        return signal;
    }

    not_cancelled const not_cancelled_{};
    sigset_t before_{};
    bool was_pending_ = false;
    bool blocks_ = false;
};

/// An open file, closed by the destructor. A program may close all descriptors, as daemons do when they
/// begin, and open files of its own under their numbers: those are not closed.
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
    /// Whether the descriptor still leads to the file that was opened.
    [[nodiscard]] bool is_ours() const noexcept {
        return is_open() && identity_of_descriptor(descriptor_) == identity_;
    }
    /// The same as it was at some time within this tick of the coarse clock: for a file that is locked
    /// and never written.
    [[nodiscard]] bool was_ours_lately() const noexcept {
        std::int64_t const now = coarse_ticks();
        if (checked_at_.load(std::memory_order_relaxed) == now) {
            return is_open();
        }
        bool const is = is_ours();
        checked_at_.store(is ? now : -1, std::memory_order_relaxed);
        return is;
    }

    void close() noexcept {
        if (is_ours()) {
            ::close(descriptor_);
        }
        descriptor_ = -1;
    }

  private:
    int descriptor_ = -1;
    file_identity identity_;
    mutable std::atomic<std::int64_t> checked_at_{-1}; ///< see was_ours_lately
};

/// Flags of every open(2).
inline constexpr int open_safely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/// Opens what lies anywhere; not open, and errno says why, if that fails.
[[nodiscard]] inline file try_open(std::string const& path, int flags) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): open(2) is so
    return file(::open(path.c_str(), flags | open_safely));
}

[[nodiscard]] inline file open_file(std::string const& path, int flags) {
    file opened = try_open(path, flags);
    if (!opened.is_open()) {
        file_failed("open", path, errno);
    }
    return opened;
}

/// Gives a file of this user's its mode, whatever the umask took.
inline void set_mode(file const& opened, unsigned mode) noexcept {
    struct stat now {};
    if (::fstat(opened.descriptor(), &now) == 0 && (now.st_mode & 0777U) != mode &&
        now.st_uid == ::geteuid()) {
        ::fchmod(opened.descriptor(), mode);
    }
}

/// Who is believed: who can write a directory can give values to all who use the cache in it.
struct directory_trust {
    unsigned writers = 0;    ///< of 0022: who may write it beside its owner
    bool reads_only = false; ///< nothing is written, so the owner may be anybody
};

/// A directory that is open, and that nobody can write who is not trusted.
class folder {
  public:
    /// Not open, and errno says why, if it cannot be opened.
    ///
    /// parent          what a relative path begins at; a link in its last place is refused then
    /// Throws:         memo::error (configuration) if others can write it, or it is somebody else's
    folder(std::string path, directory_trust trust, folder const* parent = nullptr)
        : path_(std::move(path)), trust_(trust) {
        int const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): open(2) is so
        opened_ = parent == nullptr
                      ? file(::open(path_.c_str(), flags))
                      : file(::openat(parent->opened_.descriptor(),
                                      path_.substr(path_.find_last_of('/') + 1).c_str(),
                                      flags | O_NOFOLLOW));
        // NOLINTEND(cppcoreguidelines-pro-type-vararg)
        if (!opened_.is_open()) {
            return;
        }
        struct stat now {};
        if (::fstat(opened_.descriptor(), &now) != 0) {
            file_failed("open", path_, errno);
        }
        owner_ = now.st_uid;
        require_trust(now, parent != nullptr);
    }

    [[nodiscard]] bool is_open() const noexcept { return opened_.is_open(); }
    [[nodiscard]] file const& opened() const noexcept { return opened_; }
    [[nodiscard]] std::string path(std::string const& name) const { return path_ + '/' + name; }
    /// A path that leads to this directory whatever is renamed meanwhile; where there is no /proc, the
    /// one that it was opened by.
    [[nodiscard]] std::string lasting_path() const {
        std::string own = "/proc/self/fd/" + std::to_string(opened_.descriptor());
        return identity_of_file(own) == opened_.identity() ? own : path_;
    }

    /// Opens a file that is there; not open, and errno says why, if that fails.
    ///
    /// Throws:         memo::error (configuration) for what is no file of a cache's
    [[nodiscard]] file try_open(std::string const& name, int flags) const {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): openat(2) is so
        file found(::openat(opened_.descriptor(), name.c_str(), flags | open_safely));
        if (found.is_open()) {
            struct stat now {};
            if (::fstat(found.descriptor(), &now) != 0) {
                file_failed("open", path(name), errno);
            }
            require_ours(name, now);
        } else if (errno == ELOOP || errno == ENXIO) { // a link; a FIFO that nobody reads
            refuse(name, "is no regular file");
        }
        return found;
    }

    /// Opens a file, and makes it if it is missing, with its mode whatever the umask.
    ///
    /// Throws:         disk_error; memo::error (configuration) for what is no file of a cache's
    [[nodiscard]] file open_or_make(std::string const& name, int flags, unsigned mode) const {
        constexpr int attempts = 100; // made and removed by others in between
        for (int attempt = 0; attempt < attempts; ++attempt) {
            file found = try_open(name, flags);
            if (!found.is_open() && errno == ENOENT) {
                found = make(name, flags, mode);
            }
            if (found.is_open()) {
                set_mode(found, mode);
                return found;
            }
            if (errno != EEXIST) {
                break;
            }
        }
        file_failed("open", path(name), errno);
    }

    /// Makes a file; not open, and errno says why, if something has the name.
    [[nodiscard]] file make(std::string const& name, int flags, unsigned mode) const {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): openat(2) is so
        return file(::openat(opened_.descriptor(), name.c_str(),
                             flags | O_CREAT | O_EXCL | open_safely, mode));
    }

    /// A file that LMDB opens by its name: as open_or_make, but one that is there is not opened. Closing
    /// it would end LMDB's locks of this process.
    void make_unless_there(std::string const& name, unsigned mode) const {
        while (!identity_of(name)) {
            file const made = make(name, O_RDWR, mode);
            if (made.is_open()) {
                set_mode(made, mode);
            } else if (errno != EEXIST) {
                file_failed("open", path(name), errno);
            }
        }
    }

    /// Which file has a name; nothing if there is none.
    ///
    /// Throws:         memo::error (configuration) for what is no file of a cache's
    [[nodiscard]] std::optional<file_identity> identity_of(std::string const& name) const {
        struct stat now {};
        if (::fstatat(opened_.descriptor(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
            return std::nullopt;
        }
        require_ours(name, now);
        return file_identity{now.st_dev, now.st_ino};
    }

    void remove(std::string const& name) const noexcept {
        ::unlinkat(opened_.descriptor(), name.c_str(), 0);
    }

    /// False, and errno says why, if that fails.
    [[nodiscard]] bool rename(std::string const& from, std::string const& to) const noexcept {
        return ::renameat(opened_.descriptor(), from.c_str(), opened_.descriptor(), to.c_str()) ==
               0;
    }

  private:
    void require_trust(struct stat const& now, bool has_parent) const {
        unsigned const writers = now.st_mode & 0022U;
        unsigned const others = writers & ~(trust_.writers | (trust_.reads_only ? 0020U : 0U));
        if (others != 0) {
            bool const has_cache =
                has_parent || ::faccessat(opened_.descriptor(), "v1", F_OK, 0) == 0;
            bool const is_everybody = (others & 0002U) != 0;
            std::string const command =
                (is_everybody ? "run: chmod o-w " : "run: chmod g-w ") + path_ +
                ", or give another .directory; a cache that a group shares has .mode = 0660";
            throw error(errc::configuration,
                        "disk: " + path_ + " can be written by " +
                            (is_everybody ? "everybody" : "its group") +
                            ", who could give this program values and files of theirs; " +
                            (has_cache || !is_everybody
                                 ? command
                                 : "give .directory one of its own, such as " + path("memo")));
        }
        bool const is_trusted = now.st_uid == ::geteuid() || now.st_uid == 0 ||
                                (writers & 0002U) != 0 ||
                                ((writers & 0020U) != 0 && is_of_group(now.st_gid));
        if (!trust_.reads_only && !is_trusted) {
            throw error(errc::configuration,
                        "disk: " + path_ + " belongs to user " + std::to_string(now.st_uid) +
                            ", and this program runs as user " + std::to_string(::geteuid()) +
                            ": its owner could give this program values and files of theirs; give "
                            "another .directory, run as its owner, or set .read_only; a cache that "
                            "a group shares has .mode = 0660");
        }
    }

    void require_ours(std::string const& name, struct stat const& now) const {
        if (!S_ISREG(now.st_mode)) {
            refuse(name, "is no regular file");
        }
        if (now.st_nlink > 1) {
            refuse(name, "has another name elsewhere");
        }
        bool const is_trusted = trust_.reads_only || trust_.writers != 0 ||
                                now.st_uid == ::geteuid() || now.st_uid == owner_ ||
                                now.st_uid == 0;
        if (!is_trusted) {
            refuse(name, "belongs to user " + std::to_string(now.st_uid));
        }
    }

    [[noreturn]] void refuse(std::string const& name, std::string const& why) const {
        throw error(errc::configuration, "disk: " + path(name) + ' ' + why +
                                             ", so it is none of the cache's; remove it, or give "
                                             "another .directory");
    }

    [[nodiscard]] static bool is_of_group(gid_t group) {
        std::vector<gid_t> groups(static_cast<std::size_t>((std::max)(0, ::getgroups(0, nullptr))));
        int const count = ::getgroups(static_cast<int>(groups.size()), groups.data());
        groups.resize(static_cast<std::size_t>((std::max)(0, count)));
        return group == ::getegid() || std::ranges::find(groups, group) != groups.end();
    }

    std::string path_;
    directory_trust trust_;
    file opened_;
    uid_t owner_ = 0;
};

/// Tries to lock until it succeeds: file locks have no time limit. Pauses are a sixteenth of the time that
/// has passed, so that the whole wait is little longer than it must be.
///
/// Returns:        false after max_wait; with 0 there is one try
template <class Try> bool poll_for_lock(Try const& try_lock, std::chrono::nanoseconds max_wait) {
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::nanoseconds yields = std::chrono::microseconds(100);
    constexpr std::chrono::nanoseconds shortest = std::chrono::microseconds(50);
    constexpr std::chrono::nanoseconds longest = std::chrono::milliseconds(20);
    if (try_lock()) [[likely]] {
        return true;
    }
    auto const begin = clock::now();
    while (true) {
        std::chrono::nanoseconds const waited = clock::now() - begin;
        if (waited >= max_wait) {
            return false;
        }
        if (waited < yields) {
            std::this_thread::yield();
        } else {
            auto const max_pause = (std::min)(longest, (std::max)(shortest, max_wait - waited));
            std::this_thread::sleep_for(std::clamp(waited / 16, shortest, max_pause));
        }
        if (try_lock()) {
            return true;
        }
    }
}

[[noreturn]] inline void lock_timed_out(std::string const& verb, std::string const& path) {
    throw disk_error("disk " + verb + ": " + path +
                         " is locked by a process that does not go on: it is stopped, or waits for "
                         "the disk; end it, or let it go on (fuser -v names it)",
                     ETIMEDOUT);
}

/// Takes a lock on a whole file if nobody has one that does not go with it.
///
/// kind            LOCK_SH or LOCK_EX
[[nodiscard]] inline bool try_lock_file(file const& locked, int kind) {
    while (::flock(locked.descriptor(), kind | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return false;
        }
        if (errno != EINTR) {
            file_failed("lock", "a lock file", errno);
        }
    }
    return true;
}

/// Locks or unlocks one byte of a file. False if another holds it.
///
/// kind            F_WRLCK or F_UNLCK
inline bool lock_byte(file const& locked, short kind, std::int64_t offset) {
    struct flock range {};
    range.l_type = kind;
    range.l_whence = SEEK_SET;
    range.l_start = offset;
    range.l_len = 1;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
    while (::fcntl(locked.descriptor(), F_OFD_SETLK, &range) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            return false;
        }
        if (errno != EINTR) {
            file_failed("lock", "a lock file", errno);
        }
    }
    return true;
}

/// The text of a small file that is open; nothing, and errno says why, if it cannot be read.
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

/// Replaces a small file as one step, for those who could read it. One at a time does so.
///
/// synced          what was written survives a power cut
inline void write_text(folder const& where, std::string const& name, std::string_view text,
                       unsigned mode, bool synced) {
    std::string const fresh = name + ".new";
    {
        where.remove(fresh); // of a process that was killed
        file const opened = where.make(fresh, O_WRONLY, mode);
        if (!opened.is_open()) {
            file_failed("open", where.path(fresh), errno);
        }
        ::fchmod(opened.descriptor(), mode);
        struct stat before {};
        if (file const old = where.try_open(name, O_RDONLY);
            old.is_open() && ::fstat(old.descriptor(), &before) == 0) {
            // Fails where this user is not of the group.
            static_cast<void>(::fchown(opened.descriptor(), static_cast<uid_t>(-1), before.st_gid));
        }
        if (::write(opened.descriptor(), text.data(), text.size()) !=
            static_cast<ssize_t>(text.size())) {
            file_failed("write", where.path(fresh), errno != 0 ? errno : ENOSPC);
        }
        if (synced && ::fdatasync(opened.descriptor()) != 0) {
            file_failed("sync", where.path(fresh), errno);
        }
    }
    if (!where.rename(fresh, name)) {
        file_failed("rename", where.path(fresh), errno);
    }
    if (synced) {
        ::fsync(where.opened().descriptor());
    }
}

} // namespace memo::detail
