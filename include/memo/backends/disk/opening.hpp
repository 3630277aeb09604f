// SPDX-License-Identifier: BSL-1.0
#pragma once

// The files of one directory's data, opened: LMDB's environment, and the locks of ours around it.

#include <memo/backends/disk/directory.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/lmdb.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>

namespace memo::detail {

/// How the data of a directory is opened.
struct disk_opening {
    disk_directory directory;
    bool durable = false; ///< every commit waits for the disk
    bool read_only = false;
    std::uint64_t map = 0; ///< bytes of address space
};

/// What is open.
struct disk_files {
    lmdb_environment environment;
    file users;                    ///< locked, shared: somebody has the data open
    file writes;                   ///< byte 0 is the right to write
    std::shared_ptr<file> flights; ///< byte n is the right to compute what has such a key
    file_identity identity;        ///< of data.mdb
    std::optional<file_identity> lock_identity; ///< of lock.mdb; nothing: it is not used
    std::uint64_t lock_bytes = 0;               ///< how long that is
};

inline void unlock_byte(file& locked, std::int64_t offset) noexcept {
    if (locked.is_open()) {
        try {
            lock_byte(locked, F_UNLCK, offset);
        } catch (error const&) { // closing it gives every lock back
            locked.close();
        }
    }
}

/// The right to write, among processes, for as long as it lives. None is needed where nothing can be
/// written.
class write_right {
  public:
    explicit write_right(file& lock) : lock_(lock) {
        if (lock_.is_open()) {
            lock_byte(lock_, F_WRLCK, 0);
        }
    }
    write_right(write_right const&) = delete;
    write_right& operator=(write_right const&) = delete;
    ~write_right() { unlock_byte(lock_, 0); }

  private:
    file& lock_;
};

// A page behind the end of the file would be a SIGBUS. A few may lack: those that were allocated and
// given back in one transaction are never written.
inline void check_size(MDB_env* env, disk_opening const& how) {
    constexpr std::uint64_t pages_never_written = 64;
    MDB_envinfo told{};
    MDB_stat pages{};
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_info(env, &told));
    lmdb_check("open", mdb_env_stat(env, &pages));
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    struct stat now {};
    if (::fstat(descriptor, &now) != 0) {
        file_failed("open", how.directory.data_file(), errno);
    }
    std::uint64_t const need = (std::uint64_t{told.me_last_pgno} + 1) * pages.ms_psize;
    auto const have = static_cast<std::uint64_t>(now.st_size);
    if (have >= need) {
        return;
    }
    if (need > how.map || need - have > pages_never_written * pages.ms_psize || how.read_only ||
        ::ftruncate(descriptor, static_cast<off_t>(need)) != 0) {
        lmdb_failed("open", MDB_CORRUPTED);
    }
}

/// Which format the head of a data file has, as both of its copies say.
struct data_format {
    std::uint32_t version = 0;
    std::size_t page_header = 0; ///< bytes

    friend bool operator==(data_format const&, data_format const&) = default;
};
inline constexpr data_format known_format{1, 16};

/// Nothing where there is no file, or one whose copies do not say the same: it is damaged.
/// Source: LMDB 0.9 and 1.0 (branch mdb.master3), mdb.c: MDB_meta.
[[nodiscard]] inline std::optional<data_format> format_of(file const& opened) {
    struct head {
        std::uint32_t magic;
        std::uint32_t version;
        std::array<std::uint64_t, 2> not_used;
        std::uint32_t page_size;
        std::uint32_t of_tree;
    };
    auto const read = [&](std::uint64_t at) {
        head found{};
        auto const size =
            ::pread(opened.descriptor(), &found, sizeof found, static_cast<off_t>(at));
        return size == static_cast<ssize_t>(sizeof found) && found.magic == 0xbeefc0de
                   ? std::optional(found)
                   : std::nullopt;
    };
    for (std::size_t const page_header : {known_format.page_header, std::size_t{24}}) {
        auto const first = read(page_header);
        auto const second = first ? read(first->page_size + page_header) : std::nullopt;
        if (second && second->version == first->version) {
            return data_format{first->version, page_header};
        }
    }
    return std::nullopt;
}

/// Data in which LMDB found another version than its own, although it was looked at before.
[[noreturn]] inline void refuse_mismatch(disk_directory const& directory) {
    file const opened = try_open(directory.data_file(), O_RDONLY);
    if (!opened.is_open() || format_of(opened) != known_format) {
        lmdb_failed("open", MDB_CORRUPTED); // of its two copies one says so
    }
    throw error(errc::configuration,
                "disk: another program has " + directory.root() +
                    " open with an LMDB that was built otherwise, so that its v1/lock.mdb is no "
                    "lock for this one; build all programs that share a directory with one LMDB");
}

/// Data of another LMDB than this one is no damage, and is not touched.
///
/// Throws:         memo::error (configuration)
inline void require_known_format(disk_directory const& directory) {
    int major = 0;
    int minor = 0;
    int patch = 0;
    std::string const library = mdb_version(&major, &minor, &patch);
    if (MDB_VERINT(major, minor, patch) >= lmdb_of_next_format) {
        throw error(errc::configuration,
                    "disk: this program was built for LMDB 0.9 and runs with " + library +
                        ", whose data has another format; run it with a library of LMDB 0.9");
    }
    file const opened = try_open(directory.data_file(), O_RDONLY);
    auto const format = opened.is_open() ? format_of(opened) : std::nullopt;
    if (format && *format != known_format) {
        throw error(errc::configuration,
                    "disk: the data in " + directory.root() +
                        " was written by another LMDB than this program's (format " +
                        std::to_string(format->version) + ", " + library +
                        " has 1), and is left as it is; build all programs that share a directory "
                        "with one LMDB, or give another .directory");
    }
}

// LMDB maps as many bytes as the file says that it has or may have, if they are more than it is told,
// and takes pages of the size that it says: of a damaged file, anything.
// Source: LMDB 0.9, mdb.c: MDB_meta.
inline void check_sizes(disk_opening const& how) {
    constexpr std::size_t page_header = 16;
    constexpr std::size_t size = 136;
    std::array<std::byte, size> meta{};
    auto const number_at = [&]<class T>(std::size_t place, T number) {
        std::memcpy(&number, meta.data() + place, sizeof number);
        return number;
    };
    file const opened = try_open(how.directory.data_file(), O_RDONLY);
    std::size_t start = 0;
    for (int copy = 0; copy < 2 && opened.is_open(); ++copy) {
        if (::pread(opened.descriptor(), meta.data(), size,
                    static_cast<off_t>(start + page_header)) != static_cast<ssize_t>(size)) {
            return; // too short for LMDB, too
        }
        auto const map = number_at(16, std::uint64_t{0});
        auto const page = number_at(24, std::uint32_t{0});
        auto const last_page = number_at(120, std::uint64_t{0});
        if (map > how.map || !std::has_single_bit(page) || page < 512 || page > 65536 ||
            last_page >= how.map / page) {
            lmdb_failed("open", MDB_CORRUPTED);
        }
        start = page;
    }
}

/// The first reader takes the place of this process among those that have the data open. LMDB knows them by
/// their ids. Where all places of readers are taken, lookups are misses until one is free.
inline void register_process(MDB_env* env, disk_opening const& how) {
    try {
        static_cast<void>(begin(env, MDB_RDONLY));
    } catch (disk_error const& failure) {
        if (failure.code() == MDB_READERS_FULL) {
            return;
        }
        if (failure.code() != EAGAIN) {
            throw;
        }
        throw error(errc::configuration,
                    "disk: another program that has " + how.directory.root() +
                        " open has the process id " + std::to_string(::getpid()) +
                        ", too, as programs in different containers can; let the containers share "
                        "their pid namespace, or give each a directory of its own");
    }
}

[[nodiscard]] inline lmdb_environment open_environment(disk_opening const& how) {
    constexpr unsigned max_readers = 4096; // 64 B each, where there is one; the lock file is sparse
    check_sizes(how);
    MDB_env* env = nullptr;
    lmdb_check("open", mdb_env_create(&env));
    lmdb_environment opened(env);
    lmdb_check("open", mdb_env_set_mapsize(env, how.map));
    lmdb_check("open", mdb_env_set_maxreaders(env, max_readers));
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (how.durable ? MDB_NOMETASYNC : MDB_NOSYNC);
    if (how.read_only) {
        flags |= MDB_RDONLY;
        if (::access(how.directory.path("v1/lock.mdb").c_str(), R_OK | W_OK) != 0) {
            flags |= MDB_NOLOCK; // who may not write cannot take a place among the readers
        }
    }
    bool const there = identity_of_file(how.directory.data_file()).has_value();
    int const code = mdb_env_open(env, how.directory.data().c_str(), flags,
                                  static_cast<mdb_mode_t>(how.directory.mode()));
    if (code == MDB_VERSION_MISMATCH) {
        refuse_mismatch(how.directory);
    }
    lmdb_check("open", code);
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); // LMDB leaves this one of its files to its user
    // Whatever the umask took.
    if (!there) {
        ::chmod(how.directory.data_file().c_str(), how.directory.mode());
        ::chmod(how.directory.path("v1/lock.mdb").c_str(), how.directory.mode());
    }
    check_size(env, how);
    int dead = 0;
    mdb_reader_check(env, &dead);
    register_process(env, how);
    return opened;
}

/// Opens what is there, or begins anew.
///
/// Throws:         disk_error; says_damaged(its code) where the data cannot be used
[[nodiscard]] inline disk_files open_files(disk_opening const& how) {
    disk_files files;
    disk_directory const& directory = how.directory;
    if (how.read_only) {
        files.users = try_open(directory.path("users.lock"), O_RDONLY);
        files.writes = try_open(directory.path("v1/write.lock"), O_RDWR);
    } else {
        directory.make_data();
        files.users = open_lock_file(directory.path("users.lock"), directory.mode());
        files.writes = open_lock_file(directory.path("v1/write.lock"), directory.mode());
        files.flights = std::make_shared<file>(
            open_lock_file(directory.path("v1/flight.lock"), directory.mode()));
    }
    if (files.users.is_open()) {
        lock_file(files.users, LOCK_SH);
    }
    write_right const mine(files.writes);
    files.environment = open_environment(how);
    files.identity = identity_of_file(directory.data_file()).value_or(file_identity{});
    unsigned flags = 0;
    lmdb_check("open", mdb_env_get_flags(files.environment.get(), &flags));
    if ((flags & MDB_NOLOCK) == 0) {
        file_length const lock = length_of_file(directory.path("v1/lock.mdb"));
        files.lock_identity = lock.identity;
        files.lock_bytes = lock.bytes;
    }
    return files;
}

/// Before the first write of a process: from now on a crash of the machine costs the data.
inline void mark_dirty(disk_opening const& how) {
    disk_directory const& directory = how.directory;
    file const open_lock = open_lock_file(directory.path("open.lock"), directory.mode());
    lock_file(open_lock, LOCK_EX);
    disk_state const state = directory.state();
    std::string const boot = this_boot();
    if (!state.dirty || state.boot != boot) {
        directory.set_state({boot, true, (std::max)(state.map, how.map)}, true);
    }
}

/// Waits for the disk, and says so, if that was not said since somebody wrote and nobody else has the data
/// open. What killed processes committed is the kernel's, which hands it to the disk like all of the file.
/// Under open.lock; leaves users.lock free if that somebody may be there.
inline void settle_alone(disk_files const& files, disk_opening const& how) {
    disk_state state = how.directory.state();
    if (!state.dirty || identity_of_file(how.directory.data_file()) != files.identity ||
        !lock_file(files.users, LOCK_EX | LOCK_NB)) {
        return;
    }
    lmdb_check("sync", mdb_env_sync(files.environment.get(), 1));
    state.dirty = false;
    how.directory.set_state(state, false);
}

/// The last one to leave settles.
inline void settle(disk_files const& files, disk_opening const& how) {
    file const open_lock = open_lock_file(how.directory.path("open.lock"), how.directory.mode());
    lock_file(open_lock, LOCK_EX);
    settle_alone(files, how);
}

/// Who waits for the disk with each put must not lose that to what another wrote before without waiting.
/// Under open.lock.
inline void settle_first(disk_files const& files, disk_opening const& how) {
    if (how.durable && !how.read_only) {
        try {
            settle_alone(files, how);
        } catch (disk_error const&) { // a full disk: what is there can be served
        }
        lock_file(files.users, LOCK_SH);
    }
}

} // namespace memo::detail
