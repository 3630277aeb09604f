// SPDX-License-Identifier: BSL-1.0
#pragma once

// Files and their locks, as the disk backend needs them of Linux. Locks are those of open file
// descriptions: they are the kernel's, so they end with their owner, however it ends.
//
// Source: fcntl(2), "Open file description locks"; flock(2).

#include <memo/cancellation.hpp>
#include <memo/error.hpp>

#include <cerrno>
#include <csignal>
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
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// What the disk did not do.
class disk_error : public error {
  public:
    /// code            errno, or what LMDB gave
    disk_error(std::string const& what, int code) : error(errc::backend, what), code_(code) {}
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

[[noreturn]] inline void file_failed(std::string const& verb, std::string const& path, int code) {
    throw disk_error("disk " + verb + ": " + path + ": " + std::generic_category().message(code),
                     code);
}

/// An open file, closed when it goes.
class file {
  public:
    file() = default;
    explicit file(int descriptor) noexcept : descriptor_(descriptor) {}
    file(file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    file& operator=(file&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    file(file const&) = delete;
    file& operator=(file const&) = delete;
    ~file() { close(); }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

    void close() noexcept {
        if (is_open()) {
            ::close(std::exchange(descriptor_, -1));
        }
    }

  private:
    int descriptor_ = -1;
};

/// Opens a file; not open, and errno says why, if that fails.
[[nodiscard]] inline file try_open(std::string const& path, int flags, unsigned mode = 0600) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): open(2) is so
    return file(::open(path.c_str(), flags | O_CLOEXEC, mode));
}

[[nodiscard]] inline file open_file(std::string const& path, int flags, unsigned mode = 0600) {
    file opened = try_open(path, flags, mode);
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

/// A file that everybody may lock who may use the directory.
[[nodiscard]] inline file open_lock_file(std::string const& path, unsigned mode) {
    file opened = open_file(path, O_RDWR | O_CREAT, mode);
    set_mode(opened, mode);
    return opened;
}

/// Which file a path leads to.
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

/// While one lives, its thread is neither cancelled nor sent SIGXFSZ, which ends a process: a write
/// beyond the limit of the process (ulimit -f) is an error like one to a full disk.
///
/// Source: setrlimit(2), RLIMIT_FSIZE.
class undisturbed {
  public:
    undisturbed() noexcept {
        rlimit most{};
        if (::getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur != RLIM_INFINITY) {
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

/// Takes or changes the lock on a whole file. False if another holds it and `operation` has
/// LOCK_NB.
inline bool lock_file(file const& locked, int operation) {
    while (::flock(locked.descriptor(), operation) != 0) {
        if (errno == EWOULDBLOCK) {
            return false;
        }
        if (errno != EINTR) {
            file_failed("lock", "a lock file", errno);
        }
    }
    return true;
}

/// Locks or unlocks one byte of a file. False if another holds it and `command` does not wait.
///
/// kind            F_WRLCK or F_UNLCK
/// command         F_OFD_SETLKW or F_OFD_SETLK
inline bool lock_byte(file const& locked, short kind, std::int64_t offset,
                      int command = F_OFD_SETLKW) {
    struct flock range {};
    range.l_type = kind;
    range.l_whence = SEEK_SET;
    range.l_start = offset;
    range.l_len = 1;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
    while (::fcntl(locked.descriptor(), command, &range) != 0) {
        if (command == F_OFD_SETLK && (errno == EAGAIN || errno == EACCES)) {
            return false;
        }
        if (errno != EINTR) {
            file_failed("lock", "a lock file", errno);
        }
    }
    return true;
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

/// The text of a small file; nothing, and errno says why, if it cannot be read.
[[nodiscard]] inline std::optional<std::string> read_text(std::string const& path) {
    file const opened = try_open(path, O_RDONLY);
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

/// Replaces a small file as one step, for those who could read it. synced: what was written survives a
/// power cut
inline void write_text(std::string const& path, std::string_view text, unsigned mode, bool synced) {
    std::string const fresh = path + ".new";
    {
        file const opened = open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, mode);
        ::fchmod(opened.descriptor(), mode);
        struct stat before {};
        if (::stat(path.c_str(), &before) == 0) {
            // Fails where this user is not of the group.
            static_cast<void>(::fchown(opened.descriptor(), static_cast<uid_t>(-1), before.st_gid));
        }
        if (::write(opened.descriptor(), text.data(), text.size()) !=
            static_cast<ssize_t>(text.size())) {
            file_failed("write", fresh, errno != 0 ? errno : ENOSPC);
        }
        if (synced && ::fdatasync(opened.descriptor()) != 0) {
            file_failed("sync", fresh, errno);
        }
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        file_failed("rename", fresh, errno);
    }
    if (synced) {
        file const folder =
            try_open(path.substr(0, path.find_last_of('/') + 1), O_RDONLY | O_DIRECTORY);
        if (folder.is_open()) {
            ::fsync(folder.descriptor());
        }
    }
}

} // namespace memo::detail
